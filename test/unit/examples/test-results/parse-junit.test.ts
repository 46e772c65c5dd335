import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  InvalidReportError,
  NotAReportError,
  parseJUnit,
  REPORT_LIMITS,
  type ReportEvent,
  type ReportLimits,
  type ResultEvent,
} from "../../../../examples/test-results/junit/index.ts";

const REPORTS = new URL("../../../../examples/test-results/reports/", import.meta.url);

describe("what test runners write", () => {
  it("reads pytest's skips, with their reasons", async () => {
    const results = resultsOf(await parse(await readFile(new URL("pytest-tabulate.xml", REPORTS))));
    expect(results).toHaveLength(319);
    expect(results.filter(({ outcome }) => outcome === "skipped")).toHaveLength(39);
    expect(results.find(({ name }) => name === "test_numpy_2d")).toMatchObject({
      suite: "pytest",
      className: "test.test_input",
      outcome: "skipped",
      message: "test_numpy_2d is skipped",
      details: expect.stringContaining("test_input.py:128") as string,
    });
  });

  it("reads vitest's files as suites", async () => {
    const events = await parse(await readFile(new URL("vitest-celeriac.xml", REPORTS)));
    expect(resultsOf(events)).toHaveLength(450);
    const [root, first] = events.filter((event) => event.kind === "suite");
    expect(root).toEqual({ kind: "suite", name: "vitest tests", startedAt: null });
    expect(first).toMatchObject({ name: "test/unit/message/compression.test.ts", startedAt: expect.any(Date) as Date });
  });

  it("reads Surefire's lone suite, thousands separators, CDATA and flaky retries", async () => {
    const results = resultsOf(
      await parse(`<?xml version="1.0" encoding="UTF-8"?>
        <testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="x.xsd" name="a.BTest" time="1,234.5" tests="3">
          <properties><property name="java.version" value="17"/></properties>
          <testcase name="slow" classname="a.BTest" time="1,234.5"/>
          <testcase name="flaky" classname="a.BTest" time="0.1"><flakyFailure message="once">trace</flakyFailure></testcase>
          <testcase name="bad" classname="a.BTest" time="0.002">
            <failure message="expected: &lt;1&gt;" type="AssertionError"><![CDATA[at a.BTest <here>]]></failure>
            <rerunFailure message="again">other</rerunFailure>
            <system-out><![CDATA[noise]]></system-out>
          </testcase>
        </testsuite>`),
    );
    expect(results).toEqual([
      result({ suite: "a.BTest", className: "a.BTest", name: "slow", durationMs: 1_234_500 }),
      result({ suite: "a.BTest", className: "a.BTest", name: "flaky", durationMs: 100 }),
      result({
        suite: "a.BTest",
        className: "a.BTest",
        name: "bad",
        durationMs: 2,
        outcome: "failed",
        message: "expected: <1>",
        details: "at a.BTest <here>",
      }),
    ]);
  });

  it("gives nested suites their own results", async () => {
    const results = resultsOf(
      await parse(`<testsuites><testsuite name="outer"><testcase name="a"/><testsuite name="inner"><testcase name="b"/></testsuite>
        <testcase name="c"/></testsuite></testsuites>`),
    );
    expect(results.map(({ suite, name }) => [suite, name])).toEqual([
      ["outer", "a"],
      ["inner", "b"],
      ["outer", "c"],
    ]);
  });

  it("takes the gravest of several verdicts, and the first message", async () => {
    const [only] = resultsOf(
      await parse(
        `<testsuite><testcase name="t"><error message="teardown">x</error><failure message="body">y</failure></testcase></testsuite>`,
      ),
    );
    expect(only).toMatchObject({ outcome: "error", message: "teardown" });
  });

  it("takes a time without an offset as UTC, and no nonsense as a time", async () => {
    const times = async (timestamp: string): Promise<unknown> =>
      (await parse(`<testsuite timestamp="${timestamp}"/>`)).map((event) => "startedAt" in event && event.startedAt);
    expect(await times("2026-01-02T03:04:05")).toEqual([new Date("2026-01-02T03:04:05Z")]);
    expect(await times("2026-01-02T03:04:05.123456+02:00")).toEqual([new Date("2026-01-02T01:04:05.123Z")]);
    expect(await times("yesterday")).toEqual([null]);
    expect(await times("9999-99-99T99:99:99")).toEqual([null]);
  });

  it("accepts a report without any test", async () => {
    expect(await parse("<testsuites/>")).toEqual([{ kind: "suite", name: "", startedAt: null }]);
  });

  it("ignores what stands outside of where it belongs", async () => {
    const results = resultsOf(
      await parse(`<testsuite><failure>no case</failure><properties><testcase name="in properties"/></properties>
        <testcase name="real"><testcase name="in a case"><failure/></testcase></testcase></testsuite>`),
    );
    expect(results).toEqual([result({ name: "real" })]);
  });
});

describe("what is no report", () => {
  it.each([
    ["nothing at all", "", /must contain a root element/],
    ["white space", " \n ", /must contain a root element/],
    ["plain text", "hello", /not well-formed/],
    ["an end that does not come", "<testsuites><testsuite>", /unclosed tag: testsuite/],
    ["an end in the middle of a tag", "<testsuites><testsuite na", /unclosed tag|unexpected end/],
    ["tags that cross", "<testsuites><testsuite></testsuites></testsuite>", /unexpected close tag/],
    ["two roots", "<testsuite/><testsuite/>", /one root|may be in|not well-formed/],
    ["text after the root", "<testsuite/>more", /text data outside of root node/],
    ["an unquoted attribute", "<testsuite name=x/>", /unquoted attribute/],
    ["the same attribute twice", '<testsuite name="a" name="b"/>', /duplicate attribute/],
    [
      "an entity that is not known",
      "<testsuite><testcase><failure>&bomb;</failure></testcase></testsuite>",
      /undefined entity/,
    ],
    ["an unknown entity in an attribute", '<testsuite name="&bomb;"/>', /undefined entity/],
    ["a character that XML forbids", "<testsuite>\u0000</testsuite>", /disallowed character/],
    ["a reference to a surrogate", '<testsuite name="&#xD800;"/>', /malformed character entity|not well-formed/],
    ["another encoding", '<?xml version="1.0" encoding="ISO-8859-1"?><testsuite/>', /declared as ISO-8859-1/],
    ["UTF-16 by name", '<?xml version="1.0" encoding="utf-16"?><testsuite/>', /declared as utf-16/],
    ["a DOCTYPE", "<!DOCTYPE testsuite><testsuite/>", /DOCTYPE/],
  ])("refuses %s", async (_what, xml, reason) => {
    await expect(parse(xml)).rejects.toThrow(InvalidReportError);
    await expect(parse(xml)).rejects.toThrow(reason);
  });

  it("refuses a billion laughs before the first one", async () => {
    const entities = Array.from({ length: 10 }, (_none, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join("");
    const bomb = `<!DOCTYPE b [<!ENTITY l0 "ha">${entities}]><testsuite><testcase name="&l10;"/></testsuite>`;
    await expect(parse(bomb)).rejects.toThrow(/DOCTYPE/);
  });

  it("refuses an external entity, unread", async () => {
    const xxe = `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&x;"/></testsuite>`;
    await expect(parse(xxe)).rejects.toThrow(/DOCTYPE/);
  });

  it("tells other XML apart from broken reports", async () => {
    await expect(parse("<project/>")).rejects.toThrow(NotAReportError);
    await expect(parse("<html><testsuite/></html>")).rejects.toThrow("<html> is not the root of a JUnit report.");
  });

  it("refuses what is not UTF-8", async () => {
    await expect(parse(Buffer.from('<testsuite name="caf\xe9"/>', "latin1"))).rejects.toThrow(/not valid UTF-8/);
    await expect(parse(Buffer.from("<testsuite/>", "utf16le"))).rejects.toThrow(InvalidReportError);
    await expect(parse(Buffer.from('<testsuite name="\u20ac').subarray(0, -1))).rejects.toThrow(/not valid UTF-8/);
  });

  it("names the line", async () => {
    await expect(parse("<testsuite>\n<testcase>\n</wrong>")).rejects.toThrow(/not well-formed XML: 3:/);
  });
});

describe("limits", () => {
  it.each<[string, Partial<ReportLimits>, string]>([
    ["results", { results: 2 }, `<testsuite>${"<testcase/>".repeat(3)}</testsuite>`],
    ["depth", { depth: 5 }, "<testsuite>".repeat(6) + "</testsuite>".repeat(6)],
    ["attributes", { attributesPerElement: 3 }, '<testsuite a="" b="" c="" d=""/>'],
    ["an attribute's length", { attributeLength: 10 }, `<testsuite name="${"x".repeat(11)}"/>`],
    ["an unending attribute", { tokenLength: 100 }, `<testsuite name="${"x".repeat(5_000)}`],
    ["an unending element name", { tokenLength: 100 }, `<testsuite><${"x".repeat(5_000)}`],
    ["an unending CDATA section", { tokenLength: 100 }, `<testsuite><system-out><![CDATA[${"x".repeat(5_000)}`],
    ["an unending comment", { tokenLength: 100 }, `<testsuite><!--${"x".repeat(5_000)}`],
    ["an unending document type", { tokenLength: 100 }, `<!DOCTYPE x [${"x".repeat(5_000)}`],
  ])("hold for %s", async (_what, limits, xml) => {
    await expect(parse(xml, { chunk: 50, limits })).rejects.toThrow(/refused at line 1/);
  });

  it("count from tag to tag, not over the whole report", async () => {
    const many = `<testsuite>${'<testcase name="t"/>'.repeat(500)}</testsuite>`;
    expect(resultsOf(await parse(many, { chunk: 50, limits: { tokenLength: 100 } }))).toHaveLength(500);
  });

  it("cut long texts rather than refuse them", async () => {
    const [only] = resultsOf(
      await parse(
        `<testsuite><testcase name="${"n".repeat(5_000)}"><failure message="${"m".repeat(9_000)}">${"d".repeat(90_000)}</failure></testcase></testsuite>`,
      ),
    );
    expect([only?.name.length, only?.message?.length, only?.details?.length]).toEqual([1_000, 4_000, 20_000]);
    expect(only?.details?.endsWith("…")).toBe(true);
  });
});

describe("any input", () => {
  it("is read alike however it is cut into chunks", async () => {
    const report = await readFile(new URL("pytest-tabulate.xml", REPORTS));
    const start = report.subarray(0, 6_000);
    const whole = await outcomeOf(start, start.length);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 700 }), async (chunk) => {
        expect(await outcomeOf(start, chunk)).toEqual(whole);
      }),
      { numRuns: 20 },
    );
  });

  it("ends in events or in an InvalidReportError, never in another error", async () => {
    const piece = fc.constantFrom(
      ..."<>&;\"'=/!?[]- x".split(""),
      "<testsuite>",
      "</testsuite>",
      "<testcase name='t'>",
      "</testcase>",
      "<failure>",
      "<![CDATA[",
      "]]>",
      "<!--",
      "-->",
      "&lt;",
      "<?xml version='1.0'?>",
      "__proto__='1'",
      "é",
      "\u0000",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        await parse(pieces.join("")).catch((error: unknown) => expect(error).toBeInstanceOf(InvalidReportError));
      }),
      { numRuns: 500 },
    );
  });
});

interface ParseOptions {
  readonly chunk?: number;
  readonly limits?: Partial<ReportLimits>;
}

async function parse(
  report: string | Buffer,
  { chunk = 65_536, limits = {} }: ParseOptions = {},
): Promise<ReportEvent[]> {
  const events: ReportEvent[] = [];
  for await (const some of parseJUnit(chunksOf(Buffer.from(report), chunk), { ...REPORT_LIMITS, ...limits }))
    events.push(...some);
  return events;
}

/** The events up to the end or to the first mistake, and the mistake. */
async function outcomeOf(report: Buffer, chunk: number): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  try {
    for await (const some of parseJUnit(chunksOf(report, chunk))) seen.push(...some);
  } catch (error) {
    seen.push(String(error));
  }
  return seen;
}

async function* chunksOf(bytes: Buffer, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

function resultsOf(events: readonly ReportEvent[]): readonly ResultEvent[] {
  return events.filter((event) => event.kind === "result");
}

function result(fields: Partial<ResultEvent>): ResultEvent {
  return {
    kind: "result",
    suite: "",
    className: "",
    name: "",
    outcome: "passed",
    durationMs: 0,
    message: null,
    details: null,
    ...fields,
  };
}

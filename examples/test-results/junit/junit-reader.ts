import { SaxesParser, type SaxesTagPlain } from "saxes";
import { InvalidReportError, NotAReportError } from "./invalid-report-error.ts";
import { cut, KEPT, type ReportLimits } from "./limits.ts";
import { OpenCase, type Verdict } from "./open-case.ts";
import type { ReportEvent } from "./report-event.ts";
import { readTimestamp } from "./values.ts";

const ROOTS: ReadonlySet<string | undefined> = new Set(["testsuites", "testsuite"]);
const ENCODINGS: ReadonlySet<string> = new Set(["utf-8", "us-ascii"]);
const VERDICTS: ReadonlyMap<string, Verdict> = new Map([
  ["failure", "failed"],
  ["error", "error"],
  ["skipped", "skipped"],
]);

/**
 * The grammar that pytest, vitest, Surefire and gotestsum share: `testsuites > testsuite > testcase`, suites in suites,
 * a lone `testsuite` as the root, and `failure`, `error` or `skipped` in a case. Everything else is passed over.
 */
export class JUnitReader {
  readonly #limits: ReportLimits;
  readonly #xml = new SaxesParser();
  /** Names of the open elements, outermost first. */
  readonly #path: string[] = [];
  readonly #suites: string[] = [];
  #case: OpenCase | undefined;
  /** How deep the open case lies. */
  #caseDepth = 0;
  #attributes = 0;
  #results = 0;
  #events: ReportEvent[] = [];
  /** Length of what the parser may be holding: what came since the last tag, CDATA section or comment ended. */
  #pending = 0;

  constructor(limits: ReportLimits) {
    this.#limits = limits;
    this.#xml.on("xmldecl", ({ encoding }) => this.#checkEncoding(encoding));
    this.#xml.on("doctype", () => this.#refuse("it has a DOCTYPE, and reports may not bring entities of their own"));
    this.#xml.on("attribute", ({ value }) => this.#checkAttribute(value));
    this.#xml.on("opentag", (tag) => this.#open(tag));
    this.#xml.on("closetag", ({ name }) => this.#close(name));
    this.#xml.on("cdata", (text) => this.#cdata(text));
    this.#xml.on("comment", () => this.#letGo());
  }

  /** Takes the next piece of the report and returns what it completed. Throws InvalidReportError. */
  read(text: string): readonly ReportEvent[] {
    this.#pending += text.length;
    this.#parse(() => this.#xml.write(text));
    if (this.#pending > this.#limits.tokenLength) this.#refuse("one of its texts or tags is too long");
    return this.#events.splice(0);
  }

  /** Says that nothing follows. Throws InvalidReportError when something should. */
  end(): void {
    this.#parse(() => this.#xml.close());
  }

  #open({ name, attributes }: SaxesTagPlain): void {
    const parent = this.#path.at(-1);
    if (parent === undefined && !ROOTS.has(name))
      throw new NotAReportError(`<${cut(name, 100)}> is not the root of a JUnit report.`);
    if (this.#path.push(name) > this.#limits.depth) this.#refuse("its elements lie too deep in one another");
    this.#attributes = 0;
    this.#letGo();

    const verdict = this.#verdict();
    if (ROOTS.has(name)) this.#openSuite(attributes);
    else if (name === "testcase" && ROOTS.has(parent)) this.#openCase(attributes);
    else if (verdict !== undefined) this.#openVerdict(verdict, attributes);
  }

  #openSuite({ name = "", timestamp }: Readonly<Record<string, string>>): void {
    const suite = cut(name, KEPT.name);
    this.#suites.push(suite);
    this.#events.push({ kind: "suite", name: suite, startedAt: readTimestamp(timestamp) });
  }

  #openCase(attributes: Readonly<Record<string, string>>): void {
    if (++this.#results > this.#limits.results)
      this.#refuse(`it has more than ${String(this.#limits.results)} results`);
    this.#case = new OpenCase(this.#suites.at(-1) ?? "", attributes);
    this.#caseDepth = this.#path.length;
  }

  /** The parser keeps text only while somebody listens: here, and nowhere else. */
  #openVerdict(verdict: Verdict, attributes: Readonly<Record<string, string>>): void {
    this.#case?.judge(verdict, attributes);
    this.#xml.on("text", (text) => this.#case?.addDetails(text));
  }

  #close(name: string): void {
    this.#letGo();
    if (ROOTS.has(name)) this.#suites.pop();
    else if (this.#verdict() !== undefined) this.#xml.off("text");
    else if (this.#path.length === this.#caseDepth) this.#closeCase();
    this.#path.pop();
  }

  #closeCase(): void {
    if (this.#case !== undefined) this.#events.push(this.#case.finish());
    this.#case = undefined;
    this.#caseDepth = 0;
  }

  #cdata(text: string): void {
    this.#letGo();
    if (this.#verdict() !== undefined) this.#case?.addDetails(text);
  }

  /** What the innermost element says of the open case, if it is one of those that do. */
  #verdict(): Verdict | undefined {
    const isInCase = this.#case !== undefined && this.#path.length === this.#caseDepth + 1;
    return isInCase ? VERDICTS.get(this.#path.at(-1) ?? "") : undefined;
  }

  #letGo(): void {
    this.#pending = 0;
  }

  #checkEncoding(encoding = "utf-8"): void {
    if (!ENCODINGS.has(encoding.toLowerCase()))
      this.#refuse(`it is declared as ${cut(encoding, 40)}, and only UTF-8 is read`);
  }

  #checkAttribute(value: string): void {
    if (value.length > this.#limits.attributeLength) this.#refuse("one of its attributes is too long");
    if (++this.#attributes > this.#limits.attributesPerElement)
      this.#refuse("one of its elements has too many attributes");
  }

  #refuse(reason: string): never {
    throw new InvalidReportError(`The report is refused at line ${String(this.#xml.line)}: ${reason}.`);
  }

  #parse(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof InvalidReportError) throw error;
      throw new InvalidReportError(`The report is not well-formed XML: ${(error as Error).message}`, { cause: error });
    }
  }
}

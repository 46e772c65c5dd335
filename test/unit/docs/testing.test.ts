import { describe, expect, it } from "vitest";
import { namesIn, propertiesOf, readPage, readSource } from "./reference.ts";

const page = await readPage("testing.md");

/** Names of the public members of a class, those that are for the inside left out. */
async function membersOf(path: string, name: string): Promise<readonly string[]> {
  const source = await readSource(path);
  const [, body = ""] = new RegExp(`^export class ${name}\\b[^{]*\\{\\n(.*?)^\\}`, "ms").exec(source) ?? [];
  const visible = body.replaceAll(/@internal \*\/\n.*$/gm, "");
  return [...visible.matchAll(/^ {2}(?:readonly |get |async )?([a-z]\w*)(?:[:(]|<\w+>\()/gm)]
    .map(([, member]) => String(member))
    .filter((member) => member !== "constructor");
}

describe("the reference of testing", () => {
  it.each([
    ["Test app options", "src/testing/app/test-app.ts", "TestAppOptions"],
    ["Draining", "src/testing/app/drain.ts", "DrainOptions"],
    ["Fault targets", "src/testing/faults/faults.ts", "FaultTarget"],
  ])("names every property under %s", async (heading, path, name) => {
    expect(namesIn(page, heading)).toEqual(await propertiesOf(path, name));
  });

  it.each([
    ["The test app", "src/testing/app/test-app.ts", "TestApp"],
    ["Faults", "src/testing/faults/faults.ts", "Faults"],
  ])("names every member under %s", async (heading, path, name) => {
    const members = await membersOf(path, name);
    expect(members.length).toBeGreaterThan(5);
    expect(namesIn(page, heading)).toEqual(members);
  });

  it("names all that can be expected of a call", async () => {
    const call = await propertiesOf("src/testing/app/sent-calls.ts", "SentCall");
    const own = await propertiesOf("src/testing/app/assert-sent.ts", "ExpectedCall");
    const expected = [...call.filter((property) => property !== "task" && property !== "sentAt"), ...own];
    expect(namesIn(page, "Expected calls")).toEqual(expected);
  });

  it("names every state of a run", async () => {
    const source = await readSource("src/testing/app/run-ledger.ts");
    const [, states = ""] = /^export type RunState =\n?(.*?);$/ms.exec(source) ?? [];
    expect(namesIn(page, "Runs")).toEqual([...states.matchAll(/"([A-Z-]+)"/g)].map(([, state]) => state));
  });

  it.each(["shop.ts", "shop.test.ts"])("shows %s as it stands among the tests", async (file) => {
    expect(page).toContain(`\`\`\`ts\n// ${file}\n${await readSource(`test/unit/docs/testing-example/${file}`)}\`\`\``);
  });
});

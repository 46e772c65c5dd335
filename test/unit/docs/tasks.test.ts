import { describe, expect, it } from "vitest";
import { namesIn, propertiesOf, readPage, readSource } from "./reference.ts";

const page = await readPage("tasks.md");
const properties = async (...interfaces: readonly (readonly [path: string, name: string])[]): Promise<string[]> =>
  (await Promise.all(interfaces.map(([path, name]) => propertiesOf(path, name)))).flat().sort();

describe("the reference of tasks", () => {
  it.each([
    ["Defining", [["src/app/task-options.ts", "ArgumentSpec"]]],
    ["Task options", [["src/app/task-options.ts", "TaskOptions"]]],
    ["Retries", [["src/app/retry-policy.ts", "RetryPolicy"]]],
    ["Unique calls", [["src/app/call-keys.ts", "UniqueOptions"]]],
    ["Concurrency keys", [["src/app/call-keys.ts", "ConcurrencyOptions"]]],
    ["The context", [["src/app/task-context.ts", "TaskContext"]]],
    [
      "Retry options",
      [
        ["src/app/steering.ts", "RetryOptions"],
        ["src/pool/pool.ts", "RetryChanges"],
      ],
    ],
    [
      "Send options",
      [
        ["src/app/send-options.ts", "SendOptions"],
        ["src/util/abortable.ts", "Abortable"],
      ],
    ],
  ] as const)("names every property under %s, and no other", async (heading, interfaces) => {
    expect(namesIn(page, heading).toSorted()).toEqual(await properties(...interfaces));
  });

  it("names every member of a result", async () => {
    const source = await readSource("src/result/async-result.ts");
    const [, body = ""] = /^export class AsyncResult\b[^{]*\{\n(.*?)^\}/ms.exec(source) ?? [];
    const members = [...body.matchAll(/^ {2}(?:readonly |async )(\w+)[:(]/gm)].map(([, member]) => member);
    expect(members.length).toBeGreaterThan(7);
    expect(namesIn(page, "Results").toSorted()).toEqual(members.sort());
  });
});

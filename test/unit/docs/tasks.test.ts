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
    ["Rate limits", [["src/app/rate-limit.ts", "RateLimitOptions"]]],
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

  it.each([
    ["Results", "async-result", "AsyncResult", 7],
    ["Results of groups", "group-result", "GroupResult", 12],
  ])("names every member under %s, and no other", async (heading, file, name, atLeast) => {
    const members = new Set([
      ...(await membersOf("src/result/canvas-result.ts", "CanvasResult")),
      ...(await membersOf(`src/result/${file}.ts`, name)),
    ]);
    expect(members.size).toBeGreaterThan(atLeast);
    expect(namesIn(page, heading).toSorted()).toEqual([...members].sort());
  });
});

/** The public members of a class. */
async function membersOf(path: string, name: string): Promise<readonly string[]> {
  const source = await readSource(path);
  const [, body = ""] = new RegExp(`^export (?:abstract )?class ${name}\\b.*?\\{\\n(.*?)^\\}`, "ms").exec(source) ?? [];
  const members = body.matchAll(/^ {2}(?:(?:readonly|async|abstract|get) \*?)?(\w+)[:(]/gm);
  return [...members].map(([, member]) => String(member)).filter((member) => member !== "constructor");
}

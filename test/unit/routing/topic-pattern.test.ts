import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { matchesTopic } from "../../../src/routing/topic-pattern.ts";

describe("matchesTopic", () => {
  it.each([
    ["task.sent", "task.sent", true],
    ["task.sent", "task.sen", false],
    ["task.sent", "taskXsent", false],
    ["task.*", "task.sent", true],
    ["task.*", "task", false],
    ["task.*", "task.sent.late", false],
    ["*", "task", true],
    ["*", "", false],
    ["*.*", "a.b", true],
    ["task.#", "task", true],
    ["task.#", "task.sent.late", true],
    ["task.#", "tasks", false],
    ["#.failed", "failed", true],
    ["#.failed", "a.b.failed", true],
    ["#.failed", "a.failed.b", false],
    ["a.#.b", "a.b", true],
    ["a.#.b", "a.b.c.b", true],
    ["a.#.b.#.c", "a.x.b.b.y.c", true],
    ["a.#.b.#.c", "a.x.c.b.y", false],
    ["#.*", "", false],
    ["#.*", "a", true],
    ["*.#", "a", true],
    ["#", "", true],
    ["#", "a.b.c", true],
    ["#.#", "", true],
    ["", "", true],
    ["", "a", false],
    ["a.*.c", "a..c", true],
    ["a*", "ab", false],
    ["a*", "a*", true],
    ["a.b", "A.B", false],
    ["ü.*", "ü.ö", true],
    [".", ".", true],
  ])("%j matches %j: %s", (pattern, key, expected) => {
    expect(matchesTopic(pattern, key)).toBe(expected);
  });

  it("agrees with the recursive definition of AMQP on any words", () => {
    const words = fc.array(fc.constantFrom("a", "b"), { maxLength: 6 });
    const parts = fc.array(fc.constantFrom("a", "b", "*", "#"), { maxLength: 6 });
    fc.assert(
      fc.property(parts, words, (pattern, key) => {
        expect(matchesTopic(pattern.join("."), key.join("."))).toBe(matchesByDefinition(pattern, key));
      }),
      { numRuns: 2_000 },
    );
  });

  it("stays fast on a pattern that would make a regular expression backtrack", () => {
    const pattern = Array.from({ length: 200 }, () => "#.a").join(".");
    const key = Array.from({ length: 2_000 }, () => "a").join(".");
    const start = performance.now();
    expect(matchesTopic(`${pattern}.b`, key)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("keeps answering rightly when more patterns come than it caches", () => {
    for (let index = 0; index < 3_000; index += 1) expect(matchesTopic(`p${index}.*`, `p${index}.x`)).toBe(true);
    expect(matchesTopic("p0.*", "p0.x")).toBe(true);
    expect(matchesTopic("p0.*", "p1.x")).toBe(false);
  });
});

function matchesByDefinition(pattern: readonly string[], words: readonly string[]): boolean {
  const [part, ...parts] = pattern;
  if (part === undefined) return words.length === 0;
  if (part === "#")
    return matchesByDefinition(parts, words) || (words.length > 0 && matchesByDefinition(pattern, words.slice(1)));
  return words.length > 0 && (part === "*" || part === words[0]) && matchesByDefinition(parts, words.slice(1));
}

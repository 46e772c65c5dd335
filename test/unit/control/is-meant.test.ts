import { describe, expect, it } from "vitest";
import { isMeant } from "../../../src/control/is-meant.ts";

describe("isMeant", () => {
  it.each([
    ["everybody, where nobody is named", {}, true],
    ["nobody else, where some are named", { destination: ["other@h"] }, false],
    ["who is named", { destination: ["other@h", "celery@h1"] }, true],
    ["everybody, where the list is empty, as in Kombu", { destination: [] }, true],
    ["who is named, whatever the pattern", { destination: ["celery@h1"], pattern: "x*", matcher: "glob" }, true],
    ["by a glob", { pattern: "celery@*", matcher: "glob" }, true],
    ["by the whole of a glob", { pattern: "celery", matcher: "glob" }, false],
    ["by a glob of one character", { pattern: "celery@h?", matcher: "glob" }, true],
    ["by a set", { pattern: "celery@h[0-3]", matcher: "glob" }, true],
    ["by what is not in a set", { pattern: "celery@h[!0-3]", matcher: "glob" }, false],
    ["by a bracket that opens nothing", { pattern: "celery@[", matcher: "glob" }, false],
    ["by a dot of a glob, which is a dot", { pattern: "celery.h1", matcher: "glob" }, false],
    ["by an expression, from the beginning", { pattern: "cel\\w+@", matcher: "pcre" }, true],
    ["not from the middle", { pattern: "h1", matcher: "pcre" }, false],
    ["by one of two expressions", { pattern: "x|celery", matcher: "pcre" }, true],
    ["nobody, where the expression cannot be read", { pattern: "(", matcher: "pcre" }, false],
    ["everybody, where nobody says how to match", { pattern: "x" }, true],
    ["everybody, where the pattern is empty", { pattern: "", matcher: "glob" }, true],
    ["nobody, where nobody knows how to match so", { pattern: "celery@h1", matcher: "regex" }, false],
    ["by what `re.escape` makes of a name", { pattern: "celery\\@h1", matcher: "pcre" }, true],
    ["by a group that has a name", { pattern: "(?P<kind>celery)@", matcher: "pcre" }, true],
    ["nobody, where it would take for ever", { pattern: "(([a-z@])+.)+[A-Z]{9}$", matcher: "pcre" }, false],
  ] as const)("reaches %s", (_, audience, expected) => {
    expect(isMeant("celery@h1", audience)).toBe(expected);
  });

  it("knows names with hyphens, dots and slashes", () => {
    const name = "celery@web-1.example.org/a";
    expect(isMeant(name, { pattern: "celery@web-*.example.org/a", matcher: "glob" })).toBe(true);
    expect(isMeant(name, { pattern: name, matcher: "glob" })).toBe(true);
  });
});

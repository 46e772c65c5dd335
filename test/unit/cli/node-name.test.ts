import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/cli/errors.ts";
import { expandNodeName } from "../../../src/cli/node-name.ts";

describe("a node name", () => {
  const host = "h1.example.com";

  it.each([
    ["w1@%h", "w1@h1.example.com"],
    ["%n@%h", "h1@h1.example.com"],
    ["ibutsu-worker@%n", "ibutsu-worker@h1"],
    ["w@%d", "w@example.com"],
    ["w%i@%h", "w0@h1.example.com"],
    ["w%I@%h", "w@h1.example.com"],
    ["a%%h@x", "a%h@x"],
    ["foo@bar@baz", "foo@bar@baz"],
    ["@foo", "celeriac@foo"],
    ["w1@", "w1@h1.example.com"],
  ])("%s is expanded as Celery does, to %s", (pattern, expected) => {
    expect(expandNodeName(pattern, host)).toBe(expected);
  });

  it("is the host's part when it has no @, as with Celery", () => {
    expect(expandNodeName("w1", host)).toBe("celeriac@w1");
  });

  it("has no domain on a host without one", () => {
    expect(expandNodeName("%n@%d.", "box")).toBe("box@.");
  });

  it("with an abbreviation that is unknown is refused by name", () => {
    expect(() => expandNodeName("w@%x", host)).toThrow(UsageError);
    expect(() => expandNodeName("w@%x", host)).toThrow("%x is unknown");
  });
});

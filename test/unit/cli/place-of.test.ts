import { describe, expect, it } from "vitest";
import { placeOf } from "../../../src/cli/place-of.ts";

const OWN = new URL("../../../src/app/celeriac.ts", import.meta.url).href;

function errorWith(...stack: readonly string[]): Error {
  return Object.assign(new Error("no luck"), { stack: stack.join("\n") });
}

describe("the place that an error comes from", () => {
  it.each([
    ["at <anonymous> (/home/me/my app/app.ts:3:7)", "/home/me/my app/app.ts:3"],
    ["at file:///home/me/my%20app/app.mjs:12:1", "/home/me/my app/app.mjs:12"],
    ["at async file:///home/me/app.mjs:2:1", "/home/me/app.mjs:2"],
    ["at async Promise.all (index 0)", undefined],
    ["at new Thing (/home/me/thing.ts?namespace=1:3:7)", "/home/me/thing.ts?namespace=1:3"],
  ])("is, by the frame %j, %j", (frame, place) => {
    expect(placeOf(errorWith("Error: no luck", `    ${frame}`))).toBe(place);
  });

  it("is the first in code of the user's", () => {
    const frames = [
      `${OWN}:1:2`,
      "node:internal/x:3:4",
      "file:///a/node_modules/pg/i.js:5:6",
      "/a/db.ts:7:8",
      "/a/app.ts:9:1",
    ];
    const error = errorWith("Error: no luck", ...frames.map((frame) => `    at f (${frame})`));
    expect(placeOf(error)).toBe("/a/db.ts:7");
  });

  it("is where Node could not read on", () => {
    const error = new SyntaxError("Unexpected token '='");
    error.stack = "/a/app.cjs:4\nexport const app = = 1;\n                   ^\n\nSyntaxError: Unexpected token '='";
    expect(placeOf(error)).toBe("/a/app.cjs:4");
  });

  it.each([
    ["text"],
    [undefined],
    [Object.assign(new Error("x"), { stack: undefined })],
    [errorWith("Error: /a/b.ts:1")],
  ])("is not known of %s", (error) => {
    expect(placeOf(error)).toBeUndefined();
  });
});

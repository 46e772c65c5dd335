import { describe, expect, it } from "vitest";
import { Celeriac } from "../../../src/app/celeriac.ts";
import { AppLoadError } from "../../../src/cli/errors.ts";
import { loadApp, parseAppPath, pickApp } from "../../../src/cli/load-app.ts";

describe("what -A says", () => {
  it.each([
    ["app.ts", "app.ts", undefined],
    ["path/to/app.ts:exportName", "path/to/app.ts", "exportName"],
    ["path/to/app", "path/to/app", undefined],
    ["app:$app_1", "app", "$app_1"],
    ["app:größe", "app", "größe"],
    ["C:\\apps\\app.ts", "C:\\apps\\app.ts", undefined],
    ["C:\\apps\\app.ts:app", "C:\\apps\\app.ts", "app"],
    ["dir:with:colons/app.ts", "dir:with:colons/app.ts", undefined],
    [":app", ":app", undefined],
    ["", "", undefined],
  ])("%j is the file %j and the export %j", (text, path, exportName) => {
    expect(parseAppPath(text)).toEqual({ path, exportName });
  });

  it("names the file that does not exist", async () => {
    await expect(loadApp("no/such/app")).rejects.toThrow(/There is no file no\/such\/app/);
    await expect(loadApp("src")).rejects.toThrow(AppLoadError);
  });
});

describe("the app of a module", () => {
  const [app, other] = [new Celeriac({ name: "one" }), new Celeriac({ name: "other" })];

  it("is the export that was asked for", () => {
    expect(pickApp({ app, other }, "a.ts", "other")).toBe(other);
  });

  it("is `app`, else the default export, else the only app", () => {
    expect(pickApp({ app, default: other }, "a.ts")).toBe(app);
    expect(pickApp({ app: 1, default: other, more: app }, "a.ts")).toBe(other);
    expect(pickApp({ add: () => 1, celery: other, nothing: null }, "a.ts")).toBe(other);
  });

  it("has to be named when there are several", () => {
    expect(() => pickApp({ one: app, two: other }, "a.ts")).toThrow("-A a.ts:one, -A a.ts:two");
  });

  it("is missed with a list of what is there", () => {
    expect(() => pickApp({ add: 1, mul: 2 }, "a.ts")).toThrow(
      "a.ts exports no Celeriac app; its exports are add, mul.",
    );
    expect(() => pickApp({}, "a.ts")).toThrow("it exports nothing");
  });

  it("is missed under another name with the name that was meant", () => {
    expect(() => pickApp({ myApp: app }, "a.ts", "myAp")).toThrow(
      'a.ts has no export "myAp"; its exports are myApp. Did you mean "myApp"?',
    );
    expect(() => pickApp({ app: { broker: "x" } }, "a.ts", "app")).toThrow(
      'The export "app" of a.ts is no Celeriac app.',
    );
  });

  it("of another installation of the package is told apart from what is no app", () => {
    const Foreign = {
      Celeriac: class Celeriac {
        readonly name = "foreign";
      },
    }.Celeriac;
    expect(() => pickApp({ app: new Foreign() }, "a.ts")).toThrow("another installation");
    expect(() => pickApp({ app: new Foreign() }, "a.ts", "app")).toThrow("another installation");
  });

  it("is looked for without stumbling over exports without a constructor", () => {
    expect(() => pickApp({ bare: Object.create(null) as object }, "a.ts")).toThrow(AppLoadError);
  });
});

import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { MaxRetriesExceededError, SoftTimeLimitExceededError } from "../../../src/app/steering.ts";
import { failureDocument, failureOf, readFailure } from "../../../src/backend/failure.ts";
import type { PythonForm } from "../../../src/backend/python-form.ts";
import { TaskFailedError } from "../../../src/result/errors.ts";

class PaymentError extends Error {}

describe("failureOf", () => {
  it.each([TypeError, SyntaxError, ReferenceError])("tells Python that it is a builtin error: %o", (errorClass) => {
    expect(failureOf(new errorClass("no"))).toMatchObject({
      exc_type: errorClass.name,
      exc_message: ["no"],
      exc_module: "builtins",
    });
  });

  it("tells Python that a class of the user's with the name of a builtin error is that one", () => {
    class ValueError extends Error {}
    expect(failureOf(new ValueError("too far"))).toMatchObject({ exc_type: "ValueError", exc_module: "builtins" });
    class SystemExit extends Error {}
    expect(failureOf(new SystemExit("no"))).toMatchObject({ exc_type: "SystemExit", exc_module: "javascript" });
  });

  it("tells Python what an error says of itself", () => {
    class OutOfStock extends Error {
      readonly python: PythonForm = { module: "shop.errors", args: ["tea", 2] };
    }
    const error = new OutOfStock("tea: 2 left");
    expect(failureOf(error)).toMatchObject({
      exc_type: "OutOfStock",
      exc_message: ["tea", 2],
      exc_module: "shop.errors",
    });
    const { exc_type, exc_message } = failureOf(
      Object.assign(new OutOfStock("gone"), { python: { module: "m", type: "Gone" } }),
    );
    expect({ exc_type, exc_message }).toEqual({ exc_type: "Gone", exc_message: ["gone"] });
  });

  it.each([
    ["no object", 7],
    ["without a module", { args: [1] }],
    ["with a module that is no text", { module: 7 }],
    ["with an empty module", { module: "" }],
    [
      "that throws",
      {
        get module(): string {
          throw new Error("hostile");
        },
      },
    ],
  ])("passes over a form for Python %s", (_, python) => {
    expect(failureOf(Object.assign(new PaymentError("no"), { python }))).toMatchObject({
      exc_type: "PaymentError",
      exc_message: ["no"],
      exc_module: "javascript",
    });
  });

  it.each([
    ["have no JSON form", [() => 1]],
    ["are too long", ["x".repeat(20_000)]],
    ["are no list", "x"],
  ])("takes the message in place of arguments for Python that %s", (_, args) => {
    const error = Object.assign(new PaymentError("no"), { python: { module: "shop", args } });
    expect(failureOf(error)).toMatchObject({ exc_module: "shop", exc_message: ["no"] });
  });

  it("passes on the failure of another task that a task let through", () => {
    const theirs = {
      exc_type: "OwnError",
      exc_message: ["mine", 1],
      exc_module: "shop",
      traceback: "Traceback: there",
    };
    const { traceback, ...passedOn } = failureOf(new TaskFailedError("an id", theirs));
    expect(passedOn).toEqual(failureDocument(theirs));
    expect(traceback).toContain("failure.test.ts");
  });

  it("gives other errors a module that Python does not have, so that a class of that name is made there", () => {
    expect(failureOf(new RangeError("no"))).toMatchObject({ exc_type: "RangeError", exc_module: "javascript" });
    expect(failureOf(new Error("no"))).toMatchObject({ exc_type: "Error", exc_module: "javascript" });
  });

  it("names a user's class, also when it left `name` as it inherited it", () => {
    expect(failureOf(new PaymentError("no")).exc_type).toBe("PaymentError");
    class Renamed extends TypeError {
      override name = "Shown";
    }
    expect(failureOf(new Renamed("no"))).toMatchObject({ exc_type: "Shown", exc_module: "javascript" });
    class Inheriting extends TypeError {}
    expect(failureOf(new Inheriting("no"))).toMatchObject({ exc_type: "Inheriting", exc_module: "javascript" });
  });

  it("gives Celeriac's errors the names that Celery has for them", () => {
    expect(failureOf(new SoftTimeLimitExceededError(1000))).toMatchObject({
      exc_type: "SoftTimeLimitExceeded",
      exc_module: "billiard.exceptions",
    });
    expect(failureOf(new MaxRetriesExceededError("t", "id", 3))).toMatchObject({
      exc_type: "MaxRetriesExceededError",
      exc_module: "celery.exceptions",
    });
  });

  it("names the reason of an aborted signal", () => {
    expect(failureOf(AbortSignal.abort().reason)).toMatchObject({ exc_type: "AbortError", exc_module: "javascript" });
  });

  it("has no arguments for an error without a message, as in Python", () => {
    expect(failureOf(new Error()).exc_message).toEqual([]);
  });

  it("shows the causes in the traceback, each once", () => {
    const root = new TypeError("root");
    const error = new PaymentError("top", { cause: new Error("middle", { cause: root }) });
    root.cause = error;
    const traceback = failureOf(error).traceback ?? "";
    expect(traceback.match(/Caused by: /g)).toHaveLength(2);
    expect(traceback.indexOf("middle")).toBeLessThan(traceback.indexOf("root"));
    expect(traceback).toContain("failure.test.ts");
  });

  it("shows the errors that an AggregateError collects", () => {
    const traceback = failureOf(new AggregateError([new Error("one"), "two"], "both")).traceback ?? "";
    expect(traceback).toMatch(/both[^]*Collected: Error: one[^]*Collected: two/);
  });

  it("knows an error of another realm", () => {
    expect(failureOf(runInNewContext("new TypeError('far')"))).toMatchObject({
      exc_type: "TypeError",
      exc_message: ["far"],
    });
  });

  it.each([
    ["text", "text"],
    [{ code: 7 }, "{ code: 7 }"],
    [undefined, ""],
    [null, "null"],
    [5n, "5n"],
  ])("takes a thrown value that is no error: %o", (value, message) => {
    expect(failureOf(value)).toEqual({
      exc_type: "Error",
      exc_message: [message],
      exc_module: "javascript",
      traceback: null,
    });
  });

  it("survives hostile values", () => {
    const throwing = new Proxy(
      {},
      { get: fail, getPrototypeOf: fail, ownKeys: fail, has: fail, getOwnPropertyDescriptor: fail },
    );
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    const error = new Error("x");
    for (const key of ["stack", "name", "message", "cause", "constructor", "errors"])
      Object.defineProperty(error, key, { get: fail });
    const odd = Object.assign(new Error("x"), {
      name: 7,
      stack: {},
      cause: throwing,
      errors: new Proxy([], { get: fail }),
    });
    for (const value of [
      throwing,
      error,
      odd,
      Object.create(null),
      { toString: fail, [Symbol.toPrimitive]: fail },
      new Proxy(error, {}),
      revoked.proxy,
      Object.assign(new Error("x"), { errors: revoked.proxy }),
    ]) {
      const failure = failureOf(value);
      expect(failure.exc_type).not.toBe("");
      expect(JSON.parse(JSON.stringify(failure))).toEqual(failure);
    }
  });

  it("is bounded in size, and cuts no character in two", () => {
    let error = new Error("bottom");
    for (let depth = 0; depth < 10_000; depth += 1) error = new Error("x".repeat(1_000), { cause: error });
    const huge = Object.assign(new Error("🥕".repeat(1_000_000), { cause: error }), { name: "N".repeat(100_000) });
    const failure = failureOf(huge);
    expect(JSON.stringify(failure).length).toBeLessThan(200_000);
    expect(failure.exc_message[0]).toMatch(/^🥕+…$/u);
    expect(JSON.stringify(failureOf({ big: "y".repeat(10_000_000) })).length).toBeLessThan(50_000);
  });
});

describe("failureDocument", () => {
  it("is Celery's document: the traceback is stored beside it", () => {
    const failure = failureOf(new TypeError("no"));
    expect(failureDocument(failure)).toEqual({ exc_type: "TypeError", exc_message: ["no"], exc_module: "builtins" });
  });
});

describe("readFailure", () => {
  it("reads back what was stored", () => {
    const failure = failureOf(new PaymentError("no"));
    expect(readFailure(failureDocument(failure), failure.traceback)).toEqual(failure);
  });

  it("reads Python's failures", () => {
    const document = { exc_type: "KeyError", exc_message: ["k", 7], exc_module: "builtins" };
    expect(readFailure(document, "Traceback")).toEqual({ ...document, traceback: "Traceback" });
  });

  it.each([
    ["boom", ["boom"]],
    [null, []],
    [7, [7]],
    [{ odd: true }, [{ odd: true }]],
    [{ exc_type: 7, exc_message: "x" }, [{ exc_type: 7, exc_message: "x" }]],
    [
      ["a", "b"],
      ["a", "b"],
    ],
  ])("takes what is no failure document for the message: %j", (result, message) => {
    expect(readFailure(result, null)).toEqual({
      exc_type: "Exception",
      exc_message: message,
      exc_module: "builtins",
      traceback: null,
    });
  });

  it("takes a message that is no list for the only argument", () => {
    expect(readFailure({ exc_type: "ValueError", exc_message: "no" }, null).exc_message).toEqual(["no"]);
  });
});

function fail(): never {
  throw new Error("hostile");
}

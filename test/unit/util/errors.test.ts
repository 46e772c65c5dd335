import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { glob } from "tinyglobby";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type * as brokerErrors from "../../../src/broker/errors.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../../../src/broker/errors.ts";
import type * as baseErrors from "../../../src/util/errors.ts";
import { CeleriacError, toError } from "../../../src/util/errors.ts";

describe("an error of ours", () => {
  it("is an instance of its class and of the base, and of no other", () => {
    const error = new DeliveryLostError("q");
    expect(error).toBeInstanceOf(DeliveryLostError);
    expect(error).toBeInstanceOf(CeleriacError);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(BrokerUnavailableError);
    expect(error.name).toBe("DeliveryLostError");
  });

  it.each([undefined, null, "DeliveryLostError", {}, new Error("x"), { code: "CELERIAC_DELIVERY_LOST" }])(
    "is not %j",
    (value) => {
      expect(value instanceof CeleriacError).toBe(false);
      expect(value instanceof DeliveryLostError).toBe(false);
    },
  );

  it("is not taken for a user's error of the same name, nor that for it", () => {
    const Own = userClass(CeleriacError, "DeliveryLostError", "CELERIAC_OF_A_USER");
    expect(new Own("x")).toBeInstanceOf(CeleriacError);
    expect(new Own("x")).not.toBeInstanceOf(DeliveryLostError);
    expect(new DeliveryLostError("q")).not.toBeInstanceOf(Own);
  });

  it("is not confused with others whose names were shortened alike", () => {
    const One = userClass(CeleriacError, "t", "CELERIAC_ONE");
    const Two = userClass(CeleriacError, "t", "CELERIAC_TWO");
    expect(new One("x")).toBeInstanceOf(One);
    expect(new One("x")).not.toBeInstanceOf(Two);
  });

  it("keeps its cause", () => {
    const cause = new Error("below");
    expect(new BrokerUnavailableError("x:", "gone", { cause }).cause).toBe(cause);
    expect("cause" in new BrokerUnavailableError("x:", "gone")).toBe(false);
  });
});

describe("an error of another copy of this package", () => {
  let copy: typeof brokerErrors & typeof baseErrors;
  beforeAll(async () => {
    vi.resetModules();
    copy = { ...(await import("../../../src/broker/errors.ts")), ...(await import("../../../src/util/errors.ts")) };
  });

  it("is an instance of the same class here and of the base, and of no other", () => {
    expect(copy.DeliveryLostError).not.toBe(DeliveryLostError);
    const error = new copy.DeliveryLostError("q");
    expect(error).toBeInstanceOf(DeliveryLostError);
    expect(error).toBeInstanceOf(CeleriacError);
    expect(error).not.toBeInstanceOf(BrokerUnavailableError);
    expect(new DeliveryLostError("q")).toBeInstanceOf(copy.DeliveryLostError);
  });

  it("is not taken for ours when a user gave it the same name, or a minifier did", () => {
    const Own = userClass(copy.CeleriacError, "DeliveryLostError", "CELERIAC_OF_A_USER");
    expect(new Own("x")).toBeInstanceOf(CeleriacError);
    expect(new Own("x")).not.toBeInstanceOf(DeliveryLostError);
    const [Short, Shorter] = [
      userClass(copy.CeleriacError, "t", "CELERIAC_ONE"),
      userClass(CeleriacError, "t", "CELERIAC_TWO"),
    ];
    expect(new Short("x")).not.toBeInstanceOf(Shorter);
  });

  it("is recognised whichever it is: every class is called after its code", async () => {
    const classes = await errorClasses();
    expect(classes.length).toBeGreaterThan(20);
    for (const { name, code } of classes) {
      const Foreign = userClass(copy.CeleriacError, name, code);
      expect(new Foreign("x"), name).toBeInstanceOf(userClass(CeleriacError, name, code));
    }
  });
});

describe("anything thrown", () => {
  it("becomes an Error, and stays the same where it is one", () => {
    const error = new Error("same");
    expect(toError(error)).toBe(error);
    expect(toError("text").message).toBe("text");
    expect(toError(undefined)).toBeInstanceOf(Error);
  });
});

type Code = CeleriacError["code"];

function userClass(Base: typeof CeleriacError, name: string, code: Code): new (message: string) => CeleriacError {
  const classes = {
    [name]: class extends Base {
      readonly code = code;
    },
  };
  return classes[name] as new (message: string) => CeleriacError;
}

async function errorClasses(): Promise<readonly { readonly name: string; readonly code: Code }[]> {
  const files = await glob("src/**/*.ts", { cwd: join(import.meta.dirname, "../../.."), absolute: true });
  const sources = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return sources
    .flatMap((source) => [
      ...source.matchAll(/class (\w+) extends CeleriacError \{\s+readonly code = "(CELERIAC_\w+)"/g),
    ])
    .map(([, name = "", code]) => ({ name, code: code as Code }));
}

import { describe, expect, it } from "vitest";
import { BrokerUnavailableError, DeliveryLostError } from "../../../src/broker/errors.ts";
import { CeleriacError, toError } from "../../../src/util/errors.ts";

describe("an error of ours", () => {
  it("is an instance of its class and of the base, and of no other", () => {
    const error = new DeliveryLostError("q");
    expect(error).toBeInstanceOf(DeliveryLostError);
    expect(error).toBeInstanceOf(CeleriacError);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(BrokerUnavailableError);
    expect(new Error("DeliveryLostError")).not.toBeInstanceOf(CeleriacError);
    expect(error.name).toBe("DeliveryLostError");
  });

  it("is recognised by another copy of its class", async () => {
    const anotherPath = ["../../../src/broker/errors.ts", "copy"].join("?");
    const copy = (await import(anotherPath)) as {
      readonly DeliveryLostError: typeof DeliveryLostError;
    };
    expect(copy.DeliveryLostError).not.toBe(DeliveryLostError);
    expect(new copy.DeliveryLostError("q")).toBeInstanceOf(DeliveryLostError);
  });

  it("keeps its cause", () => {
    const cause = new Error("below");
    expect(new BrokerUnavailableError("x:", "gone", { cause }).cause).toBe(cause);
    expect("cause" in new BrokerUnavailableError("x:", "gone")).toBe(false);
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

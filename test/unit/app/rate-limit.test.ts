import { describe, expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { intervalOf, type Rate, type RateLimitOptions } from "../../../src/app/rate-limit.ts";

describe("a rate", () => {
  it.each([
    [10, 100],
    [0.5, 2_000],
    ["10", 100],
    ["10/s", 100],
    ["100/m", 600],
    ["2/h", 1_800_000],
    ["0.5/s", 2_000],
    [".5/s", 2_000],
    [" 20 / m ", 3_000],
  ])("%o means a start every %d ms", (rate, ms) => {
    expect(intervalOf(rate)).toBeCloseTo(ms, 6);
  });

  it.each([0, "0", "0/m", null, ""])("%o is no limit", (rate) => {
    expect(intervalOf(rate)).toBeUndefined();
  });

  it.each(["x", "10/x", "10/", "/s", "-3/s", "1e3", "inf", "10/s/s", -1, NaN, Infinity, true, {}, undefined])(
    "%o is none",
    (rate) => {
      expect(() => intervalOf(rate)).toThrow(/is no rate: give .*"10\/m"/);
    },
  );
});

describe("the rate limit of a task", () => {
  const define = (rateLimit: unknown) => () =>
    new Celeriac({}, { env: {} }).task("t", { rateLimit: rateLimit as Rate }, () => undefined);

  it.each<Rate | RateLimitOptions | null>([
    5,
    "10/m",
    0,
    null,
    { limit: "10/m" },
    { limit: 3, scope: "worker" },
    { limit: "20/m", scope: "cluster" },
  ])("may be %o", (rateLimit) => {
    expect(define(rateLimit)).not.toThrow();
  });

  it.each([
    ["10/x", 'Task "t": rateLimit: "10/x" is no rate'],
    [true, 'Task "t": rateLimit: true is no rate'],
    [{ limit: "often" }, 'rateLimit: "often" is no rate'],
    [{ scope: "cluster" }, "rateLimit: undefined is no rate"],
    [{ limit: 1, scope: "planet" }, 'rateLimit.scope must be "worker" or "cluster"'],
    [{ limit: 1, scop: "cluster" }, 'unknown key "scop"'],
  ])("cannot be %o", (rateLimit, fault) => {
    expect(define(rateLimit)).toThrow(fault);
  });
});

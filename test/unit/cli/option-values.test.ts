import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/cli/errors.ts";
import {
  autoscaleRange,
  durationMs,
  jsonArray,
  jsonObject,
  moment,
  momentOrDuration,
  nameList,
  positiveNumber,
  wholeNumber,
} from "../../../src/cli/option-values.ts";

describe("JSON on the command line", () => {
  it("is read with Kombu's envelopes", () => {
    expect(
      jsonArray("--args", '[1, "two", {"__type__": "datetime", "__value__": "2031-01-02T03:04:05+00:00"}]'),
    ).toEqual([1, "two", new Date("2031-01-02T03:04:05Z")]);
    expect(jsonObject("--kwargs", '{"x": 1}')).toEqual({ x: 1 });
  });

  it.each(["", "[1,", "1 2", "{'x': 1}", "[NaN"])("that is broken, %j, is refused by the flag's name", (text) => {
    expect(() => jsonArray("--args", text)).toThrow(UsageError);
    expect(() => jsonArray("--args", text)).toThrow(/^--args is no JSON: /);
  });

  it.each(["1", "null", '"[1]"', "{}"])("of another kind, %j, is refused with an example", (text) => {
    expect(() => jsonArray("--args", text)).toThrow("--args must be a JSON array, such as '[1, \"two\"]'");
  });

  it.each(["1", "null", "[]"])("that is no object, %j, is refused with an example", (text) => {
    expect(() => jsonObject("--kwargs", text)).toThrow("--kwargs must be a JSON object, such as '{\"x\": 1}'");
  });

  it("that is long is not repeated whole", () => {
    expect(() => jsonArray("--args", "x".repeat(10_000))).toThrow(/^.{0,300}$/s);
  });
});

describe("times on the command line", () => {
  it.each([
    ["10", 10_000],
    ["0", 0],
    ["0.25", 250],
    ["10s", 10_000],
    ["2h", 7_200_000],
  ])("%s is %i ms", (text, ms) => {
    expect(durationMs("--wait", text)).toBe(ms);
    expect(momentOrDuration("--expires", text)).toBe(ms);
  });

  it.each(["", "-1", "soon", "1y", "NaN", "Infinity"])("%j is no duration", (text) => {
    expect(() => durationMs("--wait", text)).toThrow(/^--wait must be a number of seconds/);
  });

  it("a moment is in UTC unless it says otherwise", () => {
    expect(moment("--eta", "2031-01-02T03:04:05")).toEqual(new Date("2031-01-02T03:04:05Z"));
    expect(momentOrDuration("--expires", "2031-01-02T03:04:05+02:00")).toEqual(new Date("2031-01-02T01:04:05Z"));
    expect(() => moment("--eta", "tomorrow")).toThrow(/^--eta must be a time in ISO 8601/);
  });
});

describe("other values", () => {
  it("names stand between commas, each once", () => {
    expect(nameList("--queues", " a,b , ,a")).toEqual(["a", "b"]);
    expect(() => nameList("--queues", " , ")).toThrow(UsageError);
  });

  it("whole numbers are nothing else", () => {
    expect(wholeNumber("--priority", "7")).toBe(7);
    for (const text of ["", "-1", "1.5", "x", "1e3"]) expect(() => wholeNumber("--priority", text)).toThrow(UsageError);
  });
});

describe("numbers on the command line", () => {
  it.each([
    ["10,3", { max: 10, min: 3 }],
    ["3, 10", { max: 10, min: 3 }],
    ["10", { max: 10, min: 1 }],
    ["10,0", { max: 10, min: 0 }],
  ])("%j is a range, the greater one the most", (text, range) => {
    expect(autoscaleRange("--autoscale", text)).toEqual(range);
  });

  it.each(["", "x", "10,3,1", "10,", "-1", "1.5", "1,x"])("%j is no range", (text) => {
    expect(() => autoscaleRange("--autoscale", text)).toThrow(/^--autoscale must be MAX,MIN/);
  });

  it("are positive where they have to be", () => {
    expect(positiveNumber("soft", "0.5")).toBe(0.5);
    for (const text of ["-1", "", "x", "Infinity"]) expect(() => positiveNumber("soft", text)).toThrow("soft must be");
  });
});

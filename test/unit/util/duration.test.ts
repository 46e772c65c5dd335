import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "../../../src/util/duration.ts";

describe("parseDuration", () => {
  it.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["1.5h", 5_400_000],
    [" 2 m ", 120_000],
    ["7d", 604_800_000],
    ["0s", 0],
  ])("reads %s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "10", "s", "-1s", "1 year", "1e3s", "1s2m", "٣s"])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0ms"],
    [250.4, "250ms"],
    [1_500, "1.5s"],
    [180_000, "3m"],
    [5_400_000, "1h 30m"],
    [90_061_000, "1d 1h"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

import { describe, expect, it } from "vitest";
import {
  dateTimeFrom,
  Decimal,
  instantFrom,
  isoFormat,
  PlainDate,
  PlainDateTime,
  PlainTime,
  PreciseDate,
  Uuid,
} from "../../../src/message/python-values.ts";

describe("a value of Python's", () => {
  it.each(["0", "-1.50", "+.5", "1.", "1E+3", "1e-20", "NaN", "sNaN12", "-Infinity", "inf"])(
    "Decimal takes %s and keeps it",
    (text) => {
      expect(new Decimal(text).text).toBe(text);
      expect(String(new Decimal(text))).toBe(text);
      expect(JSON.stringify(new Decimal(text))).toBe(JSON.stringify(text));
    },
  );

  it.each(["", ".", "1,5", "1e", "0x1", "one", "1 "])("Decimal refuses %j", (text) => {
    expect(() => new Decimal(text)).toThrow(RangeError);
  });

  it("Uuid takes 32 digits in either form, and is written with hyphens", () => {
    const uuid = new Uuid("ABCDEF01-2345-6789-ABCD-EF0123456789");
    expect(uuid.text).toBe("abcdef01-2345-6789-abcd-ef0123456789");
    expect(uuid.hex).toBe("abcdef0123456789abcdef0123456789");
    expect(new Uuid(uuid.hex)).toEqual(uuid);
    expect(() => new Uuid("abc")).toThrow('"abc" is not a UUID');
  });

  it.each([
    () => new PlainDate("2026-02-29"),
    () => new PlainDate("2026-02-28T00:00"),
    () => new PlainTime("24:00"),
    () => new PlainTime("now"),
    () => new PlainDateTime("2026-01-01T00:00:00Z"),
    () => new PlainDateTime("yesterday"),
    () => new PreciseDate("2026-01-01T00:00:00"),
  ])("refuses times that do not exist, and those of another kind: %#", (make) => {
    expect(make).toThrow(RangeError);
  });

  it("cuts hostile text in its message", () => {
    expect(() => new Decimal("x".repeat(1_000_000))).toThrow(/^"x{40}…" is not a decimal number$/);
  });
});

describe("a PreciseDate", () => {
  it("is the Date of its instant, and keeps the text until it is changed", () => {
    const date = new PreciseDate("2026-01-02T03:04:05.678901+05:30");
    expect(date.getTime()).toBe(Date.parse("2026-01-02T03:04:05.678+05:30"));
    expect(isoFormat(date)).toBe("2026-01-02T03:04:05.678901+05:30");
    date.setUTCMilliseconds(0);
    expect(isoFormat(date)).toBe("2026-01-01T21:34:05+00:00");
  });
});

describe("isoformat text", () => {
  it.each([
    ["2026-01-02T03:04:05.678000+00:00", "2026-01-02T03:04:05.678Z"],
    ["2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"],
    ["2026-01-02 03:04", "2026-01-02T03:04:00.000Z"],
    ["2026-01-02", "2026-01-02T00:00:00.000Z"],
    ["2026-01-02T03:04:05.123456789-01:00", "2026-01-02T04:04:05.123Z"],
    ["1890-01-02T03:04:05+05:53:28", "1890-01-01T21:10:37.000Z"],
    ["0050-01-02T03:04:05Z", "0050-01-02T03:04:05.000Z"],
  ])("%s names the instant %s", (text, iso) => {
    expect(instantFrom(text).toISOString()).toBe(iso);
  });

  it.each([
    "",
    "2026",
    "2026-13-01",
    "2026-01-02T03",
    "2026-01-02T03:60",
    "2026-01-02T03:04+25:00",
    "tomorrow",
    "9".repeat(100_000),
  ])("refuses %.20s", (text) => {
    expect(() => instantFrom(text)).toThrow(RangeError);
    expect(() => dateTimeFrom(text)).toThrow(RangeError);
  });
});

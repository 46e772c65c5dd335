import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventFields, EventType } from "../../../src/events/event.ts";
import { EventWriter } from "../../../src/events/event-writer.ts";
import { EncodeError } from "../../../src/message/errors.ts";

/** Noon of 2026-07-01, in milliseconds. */
const NOW = Date.UTC(2026, 6, 1, 12) + 250;
const NODE = "w@ü";

const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", '"', "\\", "\u0000", "\u007f", "\ud800", "é"));
const maybe = fc.option(text);
const when = fc.record({ now: fc.nat({ max: 4e12 }), clock: fc.nat() });

const RECEIVED: fc.Arbitrary<EventFields["task-received"]> = fc.record({
  uuid: text,
  name: text,
  args: text,
  kwargs: text,
  root_id: maybe,
  parent_id: maybe,
  retries: fc.nat(),
  eta: maybe,
  expires: maybe,
});
const SUCCEEDED: fc.Arbitrary<EventFields["task-succeeded"]> = fc.record({
  uuid: text,
  result: text,
  runtime: fc.option(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })),
});
const FAILED: fc.Arbitrary<EventFields["task-failed"]> = fc.record({ uuid: text, exception: text, traceback: maybe });

describe("a writer of events", () => {
  it("writes Celery's fields in Celery's order", () => {
    const writer = new EventWriter(NODE);
    const written = writer.write({ type: "task-started", fields: { uuid: "id" }, now: NOW, clock: 41 });
    const utcoffset = new Date(NOW).getTimezoneOffset() / 60;
    expect(written).toBe(
      `{"hostname":"w@ü","utcoffset":${utcoffset},"pid":${process.pid},"clock":41,"uuid":"id","timestamp":1782907200.25,"type":"task-started"}`,
    );
  });

  const cases: readonly [EventType, fc.Arbitrary<EventFields[EventType]>][] = [
    ["task-received", RECEIVED],
    ["task-started", fc.record({ uuid: text })],
    ["task-succeeded", SUCCEEDED],
    ["task-failed", FAILED],
  ];
  it.each(cases)("writes all that %s may tell so that it can be read", (type, fields) => {
    const writer = new EventWriter(NODE);
    fc.assert(
      fc.property(fields, when, (own, moment) => {
        const { hostname, utcoffset, pid, clock, timestamp, ...read } = JSON.parse(
          writer.write({ type, fields: own, ...moment }),
        ) as Record<string, unknown>;
        expect([hostname, pid, clock, timestamp]).toEqual([NODE, process.pid, moment.clock, moment.now / 1000]);
        expect(utcoffset).toBeTypeOf("number");
        expect(JSON.stringify(read)).toBe(JSON.stringify({ ...own, type }));
      }),
    );
  });

  it("follows the local time zone", () => {
    const { TZ } = process.env;
    process.env["TZ"] = "America/New_York";
    try {
      const writer = new EventWriter(NODE);
      const offset = (now: number): unknown =>
        (
          JSON.parse(writer.write({ type: "task-started", fields: { uuid: "id" }, now, clock: 1 })) as {
            utcoffset: unknown;
          }
        ).utcoffset;
      expect(offset(Date.UTC(2026, 6, 1))).toBe(4);
      expect(offset(Date.UTC(2026, 11, 1))).toBe(5);
    } finally {
      if (TZ === undefined) delete process.env["TZ"];
      else process.env["TZ"] = TZ;
    }
  });

  it("throws for what JSON has no words for", () => {
    const action = (): void => undefined;
    const write = (): string =>
      new EventWriter(NODE).write({
        type: "worker-elect",
        fields: { id: "1", topic: "t", action, cver: 1 },
        now: NOW,
        clock: 1,
      });
    expect(write).toThrow(EncodeError);
  });
});

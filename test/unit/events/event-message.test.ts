import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CeleryEvent, EventOf } from "../../../src/events/event.ts";
import { eventListMessage, eventMessage, eventRoutingKey, eventsOf } from "../../../src/events/event-message.ts";
import { UnreadableMessageError } from "../../../src/message/errors.ts";
import type { Message } from "../../../src/message/message.ts";

const HEAD = { hostname: "w@ü", utcoffset: -2, pid: 7, clock: 41 };
const STARTED: EventOf<"task-started"> = { ...HEAD, uuid: "id", timestamp: 1.5, type: "task-started" };

const encode = (event: CeleryEvent): string => JSON.stringify(event);

function message(body: string | Uint8Array, rest: Partial<Message> = {}): Message {
  return {
    body: typeof body === "string" ? Buffer.from(body) : body,
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: {},
    properties: {},
    ...rest,
  };
}

describe("the message of an event", () => {
  it("is the event as JSON, transient, with the node in its header", () => {
    const { body, ...rest } = eventMessage("w@ü", encode(STARTED));
    expect(Buffer.from(body).toString()).toBe(encode(STARTED));
    expect(rest).toEqual({
      contentType: "application/json",
      contentEncoding: "utf-8",
      headers: { hostname: "w@ü" },
      properties: { deliveryMode: 1 },
    });
  });

  it("may have a list of events, also of one", () => {
    const { body } = eventListMessage("w", [encode(STARTED)]);
    expect(JSON.parse(Buffer.from(body).toString())).toEqual([STARTED]);
  });

  it("has its type as routing key, with dots", () => {
    expect(eventRoutingKey("worker-elect-ack")).toBe("worker.elect.ack");
  });

  it("gives back what was put into it", () => {
    const events = fc.array(
      fc.record({
        hostname: fc.string(),
        utcoffset: fc.integer({ min: -14, max: 12 }),
        pid: fc.nat(),
        clock: fc.nat(),
        uuid: fc.uuid(),
        result: fc.string({ unit: "grapheme" }),
        runtime: fc.option(fc.double({ noNaN: true, min: 0, max: 1e9 })),
        timestamp: fc.double({ min: 0, max: 4e9, noNaN: true }),
        type: fc.constant("task-succeeded" as const),
      }),
    );
    fc.assert(
      fc.property(events, (given) => {
        expect(eventsOf(eventListMessage("w", given.map(encode)))).toEqual(given);
        for (const one of given) expect(eventsOf(eventMessage("w", encode(one)))).toEqual([one]);
      }),
    );
  });
});

describe("reading events", () => {
  it("keeps what a type that is not known tells", () => {
    const own = { ...HEAD, progress: [1, { a: null }], timestamp: 2, type: "build-progress" };
    expect(eventsOf(message(JSON.stringify(own)))).toEqual([own]);
  });

  it("takes events without a clock, which is what Celery calls blind", () => {
    const blind = { hostname: "w", clock: null, timestamp: 2, type: "worker-online" };
    expect(eventsOf(message(JSON.stringify(blind)))).toEqual([{ ...blind, utcoffset: 0, pid: 0, clock: 0 }]);
  });

  it("leaves out of a list what is no event", () => {
    const list = [null, 1, "x", [], {}, { ...STARTED, uuid: 1 }, STARTED, { ...STARTED, timestamp: "now" }];
    expect(eventsOf(message(JSON.stringify(list)))).toEqual([STARTED]);
  });

  it.each([
    ["no JSON", message("{")],
    ["no object", message('"x"')],
    ["no event", message("{}")],
    ["not UTF-8", message(Uint8Array.of(0xff))],
    ["a pickle", message("x", { contentType: "application/x-python-serialize" })],
    ["nested too deep", message("[".repeat(100_000))],
    ["too large", message(new Uint8Array(16 * 1024 * 1024 + 1).fill(0x20))],
  ])("refuses what is %s", (_, given) => {
    expect(() => eventsOf(given)).toThrow(UnreadableMessageError);
  });

  it("gives events or refuses, whatever it is given", () => {
    const json = fc.jsonValue().map((value) => JSON.stringify(value));
    const nearly = fc
      .record({ ...Object.fromEntries(Object.keys(STARTED).map((key) => [key, fc.jsonValue()])) })
      .map((value) => JSON.stringify([value, STARTED]));
    fc.assert(
      fc.property(fc.oneof(json, nearly, fc.string(), fc.uint8Array()), fc.string(), (body, contentType) => {
        for (const given of [message(body), message(body, { contentType })]) {
          try {
            for (const event of eventsOf(given)) {
              expect(typeof event.type).toBe("string");
              expect(Number.isFinite(event.timestamp)).toBe(true);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(UnreadableMessageError);
          }
        }
      }),
    );
  });
});

describe("the type of an event", () => {
  it("tells its fields once it is compared", () => {
    const tell = (event: CeleryEvent): string | number => {
      if (event.type === "task-succeeded") return event.result;
      if (event.type === "worker-online") return event.freq;
      return event.hostname;
    };
    expect(tell(STARTED)).toBe("w@ü");
  });
});

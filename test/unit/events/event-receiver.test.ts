import { describe, expect, it } from "vitest";
import { MemoryBroadcaster } from "../../../src/adapters/memory/memory-broadcaster.ts";
import type { CeleryEvent } from "../../../src/events/event.ts";
import { EVENT_EXCHANGE, eventListMessage, eventMessage, eventRoutingKey } from "../../../src/events/event-message.ts";
import { EventReceiver } from "../../../src/events/event-receiver.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

async function bench(pattern?: string) {
  const clock = new FakeClock(new Date(5_000));
  const broadcaster = new MemoryBroadcaster();
  const receiver = await EventReceiver.listen(broadcaster, { clock, ...(pattern === undefined ? {} : { pattern }) });
  const events = receiver[Symbol.asyncIterator]();
  return {
    receiver,
    next: async () => (await events.next()).value as unknown,
    say: (type: string, counted: number, own: object = {}) => {
      const message = eventMessage("w", JSON.stringify(event(type, counted, own)));
      return broadcaster.broadcast(message, EVENT_EXCHANGE, eventRoutingKey(type));
    },
    sayAll: (...given: readonly CeleryEvent[]) =>
      broadcaster.broadcast(
        eventListMessage(
          "w",
          given.map((one) => JSON.stringify(one)),
        ),
        EVENT_EXCHANGE,
        "task.multi",
      ),
    sayText: (text: string) =>
      broadcaster.broadcast({ ...eventMessage("w", ""), body: Buffer.from(text) }, EVENT_EXCHANGE, "task.sent"),
  };
}

function event(type: string, clock: number, own: object = {}): CeleryEvent {
  const fields: Record<string, unknown> = { hostname: "w", utcoffset: 0, pid: 1, clock, ...own, timestamp: 1, type };
  return fields as unknown as CeleryEvent;
}

describe("a receiver of events", () => {
  it("gives events one by one, those of lists too, with the time of their arrival", async () => {
    const { next, say, sayAll, receiver } = await bench();
    await sayAll(event("task-started", 3, { uuid: "a" }), event("task-retried", 4, { uuid: "a" }));
    await say("worker-online", 5);
    expect(await next()).toEqual({ ...event("task-started", 3, { uuid: "a" }), local_received: 5 });
    expect(await next()).toMatchObject({ type: "task-retried" });
    expect(await next()).toMatchObject({ type: "worker-online" });
    await receiver[Symbol.asyncDispose]();
    expect(await next()).toBeUndefined();
  });

  it("gives those that its pattern lets through", async () => {
    const { next, say } = await bench("worker.#");
    await say("build-done", 1);
    await say("worker-online", 2);
    expect(await next()).toMatchObject({ type: "worker-online" });
  });

  it("passes over what is no event", async () => {
    const { next, say, sayText } = await bench();
    for (const text of ["", "{", "[]", "{}", "[null]"]) await sayText(text);
    await say("worker-online", 1);
    expect(await next()).toMatchObject({ type: "worker-online" });
  });

  it("counts on with the clocks of workers, and gives an event without one its own count", async () => {
    const { next, say } = await bench();
    await say("worker-online", 40);
    await say("task-sent", 2, { uuid: "a" });
    await say("build-done", 0);
    expect([await next(), await next(), await next()]).toMatchObject([{ clock: 40 }, { clock: 40 }, { clock: 43 }]);
  });
});

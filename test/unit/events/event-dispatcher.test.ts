import { describe, expect, it } from "vitest";
import type { Broadcaster } from "../../../src/broker/broadcaster.ts";
import { BrokerUnavailableError } from "../../../src/broker/errors.ts";
import { DirectSender } from "../../../src/events/direct-sender.ts";
import { EventDispatcher } from "../../../src/events/event-dispatcher.ts";
import { eventsOf } from "../../../src/events/event-message.ts";
import type { WorkerFields } from "../../../src/events/event.ts";
import { LamportClock } from "../../../src/events/lamport-clock.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { deferred, type Deferred } from "../../../src/util/deferred.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

const WORKER: WorkerFields = {
  freq: 2,
  active: 0,
  processed: 0,
  loadavg: [0, 0, 0],
  sw_ident: "celeriac",
  sw_ver: "1",
  sw_sys: "Linux",
};
/** Longer than a list of task events waits, in milliseconds. */
const LIST_MS = 20;

/** A dispatcher on a broadcaster that does as it is told, and what came of it: the routing key and types of each message. */
function bench({ taskEvents = true, hasBroadcaster = true } = {}) {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const lamport = new LamportClock();
  const taken: { key: string; uuids: readonly string[]; types: readonly string[]; clocks: readonly number[] }[] = [];
  let answer: () => Promise<void> = () => Promise.resolve();
  const broadcaster: Pick<Broadcaster, "broadcast"> = {
    broadcast: async (message, exchange, key = "") => {
      expect(exchange).toEqual({ name: "celeryev", type: "topic" });
      await answer();
      const events = eventsOf(message);
      taken.push({
        key,
        uuids: events.map((event) => ("uuid" in event ? String(event.uuid) : "")),
        types: events.map(({ type }) => type),
        clocks: events.map((event) => event.clock),
      });
    },
  };
  const dispatcher = new EventDispatcher({
    hostname: "w@h",
    sender: hasBroadcaster
      ? new DirectSender({ hostname: "w@h", broadcaster: broadcaster as Broadcaster, clock, log })
      : undefined,
    lamport,
    taskEvents,
    clock,
    log,
  });
  return {
    clock,
    lines,
    lamport,
    taken,
    dispatcher,
    start: (...uuids: readonly string[]) => uuids.forEach((uuid) => dispatcher.note("task-started", () => ({ uuid }))),
    answerWith: (next: () => Promise<void>) => (answer = next),
  };
}

const AWAY = (): Promise<void> => Promise.reject(new BrokerUnavailableError("x:", "away"));
/** A task event that takes so many bytes, and a list of its own. */
const large = (bytes: number) => ({ uuid: "large", result: "x".repeat(bytes), runtime: 0 });

describe("a dispatcher", () => {
  it("sends task events in one list a little later, in order, each with the next count of the clock", async () => {
    const { start, taken, clock } = bench();
    start("a", "b", "c");
    await clock.advance(LIST_MS - 1);
    expect(taken).toEqual([]);
    await clock.advance(1);
    expect(taken).toEqual([
      { key: "task.multi", uuids: ["a", "b", "c"], types: Array(3).fill("task-started"), clocks: [1, 2, 3] },
    ]);
  });

  it("sends a list at once when it is long", async () => {
    const { start, taken, clock } = bench();
    start(...Array.from({ length: 250 }, (_, index) => String(index)));
    await clock.advance(0);
    expect(taken.map(({ uuids }) => uuids.length)).toEqual([100, 100]);
    await clock.advance(LIST_MS);
    expect(taken.flatMap(({ uuids }) => uuids)).toEqual(Array.from({ length: 250 }, (_, index) => String(index)));
  });

  it("sends a list at once when it is large", async () => {
    const { dispatcher, taken, clock } = bench();
    dispatcher.note("task-succeeded", () => large(300_000));
    await clock.advance(0);
    expect(taken.map(({ types }) => types)).toEqual([["task-succeeded"]]);
  });

  it("sends all other events at once and one by one, and none before what happened before it", async () => {
    const { dispatcher, start, taken, clock } = bench();
    start("a");
    dispatcher.send("worker-heartbeat", WORKER);
    start("b");
    await clock.advance(0);
    expect(taken.map(({ key, types }) => [key, types])).toEqual([
      ["task.multi", ["task-started"]],
      ["worker.heartbeat", ["worker-heartbeat"]],
    ]);
  });

  it("sends task events while they are enabled, and tells whether that changed", async () => {
    const { dispatcher, start, taken, clock, lamport } = bench({ taskEvents: false });
    const tells = () => dispatcher.sendsTaskEvents;
    start("before");
    expect([tells(), lamport.value]).toEqual([false, 0]);
    expect([dispatcher.enable(), dispatcher.enable(), tells()]).toEqual([true, false, true]);
    start("within");
    expect([dispatcher.disable(), dispatcher.disable(), tells()]).toEqual([true, false, false]);
    start("after");
    await clock.advance(LIST_MS);
    expect(taken.map(({ uuids }) => uuids)).toEqual([["within"]]);
  });

  it("without a broadcaster does nothing", async () => {
    const { dispatcher, start, clock } = bench({ hasBroadcaster: false });
    expect([dispatcher.sendsTaskEvents, dispatcher.enable(), dispatcher.isAway]).toEqual([false, false, false]);
    start("a");
    dispatcher.send("worker-online", WORKER);
    expect(clock.sleeping).toBe(0);
    await dispatcher[Symbol.asyncDispose]();
  });

  it("sends nothing that cannot be written, and throws nothing", async () => {
    const { dispatcher, taken, clock } = bench();
    dispatcher.send("worker-elect", { id: "1", topic: "t", action: () => undefined, cver: 1 });
    dispatcher.note("task-started", () => {
      throw new Error("no such task");
    });
    await clock.advance(LIST_MS);
    expect(taken).toEqual([]);
  });
});

describe("while the broker is away", () => {
  it("a dispatcher keeps what it sends, in order, and sends it when the broker is back", async () => {
    const { dispatcher, start, answerWith, taken, clock, lines } = bench();
    answerWith(AWAY);
    start("a");
    await clock.advance(LIST_MS);
    expect(dispatcher.isAway).toBe(true);
    dispatcher.send("worker-heartbeat", WORKER);
    await clock.advance(10_000);
    answerWith(() => Promise.resolve());
    await clock.advance(1_000);
    expect(taken.map(({ key }) => key)).toEqual(["task.multi", "worker.heartbeat"]);
    expect([dispatcher.isAway, lines]).toEqual([false, []]);
  });

  it("it keeps no more than fits, drops the rest, and tells of that once, and how much when it is over", async () => {
    const { dispatcher, answerWith, taken, clock, lines } = bench();
    answerWith(AWAY);
    for (let count = 0; count < 100; count += 1) dispatcher.note("task-succeeded", () => large(1_000_000));
    await clock.advance(5_000);
    expect(lines.map(({ level, message }) => [level, message])).toEqual([["warn", "events are dropped"]]);
    answerWith(() => Promise.resolve());
    await clock.advance(1_000);
    expect(taken).toHaveLength(16);
    expect(lines.slice(1)).toEqual([{ level: "warn", message: "events were dropped", fields: { events: 84 } }]);
    dispatcher.send("worker-heartbeat", WORKER);
    await clock.advance(0);
    expect(taken).toHaveLength(17);
    expect(lines).toHaveLength(2);
  });

  it("what can never be sent is dropped, and the rest goes on", async () => {
    const { dispatcher, start, answerWith, taken, clock, lines } = bench();
    answerWith(() => Promise.reject(new RangeError("too large")));
    start("a");
    await clock.advance(LIST_MS);
    answerWith(() => Promise.resolve());
    dispatcher.send("worker-heartbeat", WORKER);
    await clock.advance(0);
    expect(taken.map(({ key }) => key)).toEqual(["worker.heartbeat"]);
    expect(lines.map(({ fields }) => fields)).toEqual([{ reason: "too large" }, { events: 1 }]);
  });
});

describe("disposing a dispatcher", () => {
  it("sends what waits first", async () => {
    const { dispatcher, start, taken } = bench();
    start("a");
    await dispatcher[Symbol.asyncDispose]();
    expect(taken.map(({ uuids }) => uuids)).toEqual([["a"]]);
    start("b");
    dispatcher.send("worker-heartbeat", WORKER);
    await dispatcher[Symbol.asyncDispose]();
    expect(taken).toHaveLength(1);
  });

  it("takes a second at most when the broker is stuck, and tells what is lost", async () => {
    const { dispatcher, start, answerWith, clock, lines } = bench();
    const stuck: Deferred<void> = deferred();
    answerWith(() => stuck.promise);
    start("a");
    await clock.advance(LIST_MS);
    start("b");
    let isDisposed = false;
    const disposed = dispatcher[Symbol.asyncDispose]().then(() => (isDisposed = true));
    await clock.advance(999);
    expect(isDisposed).toBe(false);
    await clock.advance(1);
    await disposed;
    expect(lines.map(({ message, fields }) => [message, fields])).toEqual([
      ["events are dropped", { reason: "the sender ends" }],
      ["events were dropped", { events: 1 }],
    ]);
    stuck.resolve();
  });

  it("does not wait for a broker that is away", async () => {
    const { dispatcher, start, answerWith, clock, lines } = bench();
    answerWith(AWAY);
    start("a");
    await clock.advance(LIST_MS);
    await dispatcher[Symbol.asyncDispose]();
    expect(lines.at(-1)?.fields).toEqual({ events: 1 });
    expect(clock.sleeping).toBe(0);
  });
});

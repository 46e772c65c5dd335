import { describe, expect, it, vi } from "vitest";
import type { QueuePause } from "../../../src/app/queue-pauses.ts";
import { Celeriac } from "celeriac";
import { memory } from "celeriac/memory";
import { endOfTurn } from "../../../src/util/end-of-turn.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { PausedQueues } from "../../../src/worker/paused-queues.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

const PAUSE: QueuePause = { since: new Date(0), by: "ann", reason: undefined };

/** A consumer whose orders are noted, of the queues a and b. */
function bench() {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const stored = { paused: new Map<string, QueuePause>(), isAway: false, reads: 0 };
  const read = async (names: readonly string[]): Promise<ReadonlyMap<string, QueuePause>> => {
    stored.reads += 1;
    const paused = new Map([...stored.paused].filter(([name]) => names.includes(name)));
    await endOfTurn();
    await endOfTurn();
    if (stored.isAway) throw new Error("away");
    return paused;
  };
  const queues = new Set(["a", "b"]);
  const paused = new PausedQueues({ pauses: { read }, queues, clock, log });
  const orders: string[] = [];
  const consumer = {
    add: (queue: string) => void orders.push(`add ${queue}`),
    cancel: (queue: string) => void orders.push(`cancel ${queue}`),
    pause: (queue: string) => void orders.push(`pause ${queue}`),
    resume: (queue: string) => void orders.push(`resume ${queue}`),
  };
  return { clock, lines, stored, queues, paused, orders, consumer };
}

describe("a worker's paused queues", () => {
  it("are looked at every few seconds, and stay as they were while that cannot be done", async () => {
    const { clock, stored, paused, orders, consumer } = bench();
    stored.paused.set("a", PAUSE);
    await paused.look();
    expect(paused.open).toEqual(["b"]);
    paused.steer(consumer);
    stored.paused.set("b", PAUSE);
    await clock.advance(3_000);
    expect(orders).toEqual(["pause a", "add a", "pause b"]);
    stored.isAway = true;
    stored.paused.clear();
    await clock.advance(9_000);
    expect(orders).toHaveLength(3);
    stored.isAway = false;
    await clock.advance(3_000);
    expect(orders).toEqual(["pause a", "add a", "pause b", "resume a", "resume b"]);
    paused[Symbol.dispose]();
    expect(clock.sleeping).toBe(0);
    expect(stored.reads).toBe(6);
  });

  it("are told of once, with who paused them, and once when they are resumed", async () => {
    const { clock, lines, stored, paused, consumer } = bench();
    await paused.look();
    paused.steer(consumer);
    stored.paused.set("a", PAUSE);
    await clock.advance(30_000);
    stored.paused.clear();
    await clock.advance(30_000);
    expect(lines.map(({ level, message, fields }) => [level, message, fields["queue"], fields["by"]])).toEqual([
      ["warn", "queue paused, nothing is taken from it", "a", "ann"],
      ["info", "queue resumed", "a", undefined],
    ]);
    paused[Symbol.dispose]();
  });

  it("give nothing back to a consumer that is about to stop", async () => {
    const { stored, paused, orders, consumer } = bench();
    stored.paused.set("a", PAUSE);
    await paused.look();
    paused.steer(consumer);
    stored.paused.clear();
    const looking = paused.look();
    paused[Symbol.dispose]();
    await looking;
    paused.apply();
    expect(orders).toEqual(["pause a", "add a"]);
  });

  it("are no more than known ones: what is added while a look is under way waits for its own", async () => {
    const { stored, queues, paused, orders, consumer } = bench();
    await paused.look();
    paused.steer(consumer);
    stored.paused.set("c", PAUSE);
    const before = paused.look();
    await vi.waitUntil(() => stored.reads === 2); // of a and b
    queues.add("c");
    await before;
    expect(orders).toEqual([]);
    await paused.look();
    expect(orders).toEqual(["pause c", "add c"]);
    queues.delete("c");
    paused.apply();
    expect(orders).toEqual(["pause c", "add c", "cancel c"]);
    paused[Symbol.dispose]();
  });
});

it("a worker hears of a pause at once, and of its end", async () => {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  await using app = new Celeriac({ broker: memory() }, { env: {}, clock, log });
  await using worker = new Worker(app);
  await worker.start();
  await app.pauseQueue("celery");
  await clock.advance(0);
  await app.resumeQueue("celery");
  await clock.advance(0);
  expect(lines.map(({ message }) => message)).toEqual(["queue paused, nothing is taken from it", "queue resumed"]);
});

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryQueues } from "../../src/adapters/memory/memory-queues.ts";
import { MemoryStore } from "../../src/adapters/memory/memory-store.ts";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import type { Broker, Delivery } from "../../src/broker/broker.ts";
import { KeyHolder } from "../../src/broker/key-holder.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { message } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { KEY, openBroker, openKeys, QUEUE, type BlockedNews } from "../support/blocked-child.ts";
import { Child } from "../support/child-process.ts";
import { eventually } from "../support/eventually.ts";
import { LeapingClock } from "../support/leaping-clock.ts";
import { HAS_REDIS, RedisServer } from "../support/redis.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

/** Long enough for a thread to start on a busy machine, from TypeScript. */
const LEASE_MS = 3_000;
/** Some leases long. */
const BLOCK_MS = 8_000;
const HOUR_MS = 3_600_000;
const PATIENCE = { timeoutMs: 30_000 };
const TEST_TIMEOUT_MS = 60_000;

/** A place for messages and keys. */
interface Place extends AsyncDisposable {
  readonly url: string;
  /** Ends the blocks that have no length of their own. */
  readonly goFile: string;
}

const OPEN = {
  SQLite: async (): Promise<Place> => {
    const { path, ...file } = await sqliteFile();
    return { ...file, url: `sqlite:${path}`, goFile: `${path}.go` };
  },
  Redis: async (): Promise<Place> => {
    const server = await RedisServer.start();
    const { url, directory } = server;
    return {
      url,
      goFile: join(directory, "go"),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
} as const;

type Open = () => Promise<Place>;
const EVERYWHERE: readonly (readonly [keyof typeof OPEN, Open])[] = [
  ["SQLite", OPEN.SQLite],
  ...(HAS_REDIS ? ([["Redis", OPEN.Redis]] as const) : []),
];

describe.each(EVERYWHERE)("a blocked event loop on %s", { timeout: TEST_TIMEOUT_MS }, (_name, open) => {
  it("loses no lease: the task runs once, though others wait for it", async () => {
    await using place = await placeWith("task", open);
    await using holder = start(place, "block", BLOCK_MS);
    await holds(holder, "task");
    await using rival = start(place, "consume");
    await eventually(() => expect(holder.news).toContainEqual({ confirmed: true, settled: true }), PATIENCE);
    expect(rival.news).toContainEqual({ ready: expect.any(Number) as number });
    expect(receivedBy(rival)).toEqual([]);
    expect(receivedBy(holder)).toEqual(["task"]);
    await using broker = openBroker(place.url, LEASE_MS);
    expect(await broker.inspect(QUEUE)).toMatchObject({ ready: 0, delayed: 0, unacked: 0 });
  });

  it("loses no key, and a killed holder's is free after its time", async () => {
    await using place = await open();
    await using keys = openKeys(place.url);
    await using holder = start(place, "hold-key", BLOCK_MS);
    await eventually(() => expect(holder.news).toContainEqual({ taken: KEY }), PATIENCE);
    while (!holder.news.some((news) => "confirmed" in news)) {
      const isFree = (await keys.read([KEY])).size === 0;
      await clock.sleep(20);
      // It is released at the end.
      if (isFree) await eventually(() => expect(holder.news).toContainEqual({ confirmed: true, settled: true }));
    }
    await using killed = start(place, "hold-key");
    await eventually(() => expect(killed.news).toContainEqual({ taken: KEY }), PATIENCE);
    expect(await keys.claim(KEY, "heir", LEASE_MS)).toBe(false);
    await killed.kill();
    const killedAt = clock.now();
    await eventually(async () => expect(await keys.claim(KEY, "heir", LEASE_MS)).toBe(true), PATIENCE);
    expect(clock.now() - killedAt).toBeLessThan(LEASE_MS + 500);
  });
});

describe("a blocked event loop", { timeout: TEST_TIMEOUT_MS }, () => {
  it("is told of once, with its length", async () => {
    await using place = await placeWith("task", OPEN.SQLite);
    await using holder = start(place, "block", BLOCK_MS);
    await eventually(() => expect(blocksOf(holder)).toHaveLength(1), PATIENCE);
    const [blockedMs] = blocksOf(holder);
    expect(blockedMs).toBeGreaterThan(BLOCK_MS - LEASE_MS);
    expect(blockedMs).toBeLessThan(BLOCK_MS + 5_000);
  });

  it("loses no lease on SQLite while another process keeps the file locked for half of it", async () => {
    await using place = await placeWith("task", OPEN.SQLite);
    await using holder = start(place, "block", BLOCK_MS);
    await holds(holder, "task");
    await using rival = start(place, "consume");
    await eventually(() => expect(rival.news).toContainEqual({ ready: expect.any(Number) as number }), PATIENCE);
    const connection = loadDriver().open(place.url.slice("sqlite:".length));
    connection.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
    await clock.sleep(LEASE_MS / 2);
    connection.exec("COMMIT");
    connection.close();
    await eventually(() => expect(holder.news).toContainEqual({ confirmed: true, settled: true }), PATIENCE);
    expect(receivedBy(rival)).toEqual([]);
  });

  it("makes no second run among the workers of one process, in memory", async () => {
    const leaseMs = 400;
    const queues = new MemoryQueues(clock);
    const open = (): QueuedBroker =>
      new QueuedBroker({ store: new MemoryStore({ clock, queues }), clock, log, leaseMs });
    await using broker = open();
    await using other = open();
    await broker.declare({ queues: [{ name: QUEUE }] });
    await send(broker, "task");
    const delivery = await next(broker);
    const taken: string[] = [];
    void next(other).then((rival) => taken.push(textOf(rival)));
    await clock.sleep(20);
    const end = clock.now() + 1.25 * leaseMs;
    while (clock.now() < end);
    await send(broker, "next");
    await eventually(() => expect(taken).toEqual(["next"]));
    await delivery.confirm();
    await delivery.ack();
    expect(await broker.inspect(QUEUE)).toMatchObject({ ready: 0, unacked: 1 });
  });
});

describe.each(EVERYWHERE)("a stopped process on %s", { timeout: TEST_TIMEOUT_MS }, (_name, open) => {
  it("loses its leases to another, and is refused when it goes on", async () => {
    await using place = await placeWith("task", open);
    await using stopped = start(place, "block");
    const pid = await holds(stopped, "task");
    process.kill(pid, "SIGSTOP");
    const stoppedAt = clock.now();
    await using heir = start(place, "consume");
    await eventually(() => expect(receivedBy(heir)).toEqual(["task"]), PATIENCE);
    expect(clock.now() - stoppedAt).toBeLessThan(LEASE_MS + 5_000);
    await writeFile(place.goFile, "");
    process.kill(pid, "SIGCONT");
    const refused = { confirmed: "DeliveryLostError", settled: "DeliveryLostError" };
    await eventually(() => expect(stopped.news).toContainEqual(refused), PATIENCE);
  });

  it("goes on where it was when nobody has taken what it holds", async () => {
    await using place = await placeWith("task", open);
    await using stopped = start(place, "block");
    const pid = await holds(stopped, "task");
    process.kill(pid, "SIGSTOP");
    await clock.sleep(2 * LEASE_MS);
    await writeFile(place.goFile, "");
    process.kill(pid, "SIGCONT");
    await eventually(() => expect(stopped.news).toContainEqual({ confirmed: true, settled: true }), PATIENCE);
  });
});

describe("a clock that is set an hour ahead", { timeout: TEST_TIMEOUT_MS }, () => {
  it("takes no lease from the living", async () => {
    await using place = await placeWith("held", OPEN.SQLite);
    const leaping = new LeapingClock();
    await using holder = openBroker(place.url, LEASE_MS, leaping);
    await using other = openBroker(place.url, LEASE_MS, leaping);
    const held = await next(holder);
    const taken = next(other);
    leaping.leap(HOUR_MS);
    await send(other, "sent after the leap");
    expect(textOf(await taken)).toBe("sent after the leap");
    await held.confirm();
    await held.ack();
  });

  it("takes no key from the living", async () => {
    await using place = await OPEN.SQLite();
    const leaping = new LeapingClock();
    await using keys = openKeys(place.url, leaping);
    await using holder = new KeyHolder({ keys, clock: leaping, log, ttlMs: LEASE_MS });
    const held = await holder.take(KEY);
    leaping.leap(HOUR_MS);
    expect(await keys.claim(KEY, "rival", LEASE_MS)).toBe(false);
    await held?.confirm();
    expect(held?.lost.aborted).toBe(false);
  });
});

async function next(broker: Broker): Promise<Delivery> {
  const deliveries = broker.consume([QUEUE], { prefetch: 1 })[Symbol.asyncIterator]();
  const { value } = (await deliveries.next()) as IteratorResult<Delivery, undefined>;
  if (value === undefined) throw new Error("The iteration has ended.");
  return value;
}

function textOf({ message: { body } }: Delivery): string {
  return Buffer.from(body).toString();
}

/** One with a message in its queue. */
async function placeWith(text: string, open: Open): Promise<Place> {
  const place = await open();
  await using broker = openBroker(place.url, LEASE_MS);
  await broker.declare({ queues: [{ name: QUEUE }] });
  await send(broker, text);
  return place;
}

async function send(broker: Broker, text: string): Promise<void> {
  await broker.publish([{ message: message(text), route: { exchange: "", routingKey: QUEUE } }]);
}

function start({ url, goFile }: Place, role: string, blockMs = 0): Child<BlockedNews> {
  const program = new URL("../support/blocked-child.ts", import.meta.url);
  return new Child<BlockedNews>(program, [role, url, goFile, String(LEASE_MS), String(blockMs)]);
}

/** Resolves with the child's process id once it holds the message. */
async function holds(child: Child<BlockedNews>, text: string): Promise<number> {
  await eventually(() => expect(receivedBy(child)).toEqual([text]), PATIENCE);
  return child.news.find((news) => "ready" in news)?.ready ?? 0;
}

function receivedBy(child: Child<BlockedNews>): readonly string[] {
  return child.news.flatMap((news) => ("received" in news ? [news.received] : []));
}

function blocksOf(child: Child<BlockedNews>): readonly unknown[] {
  return child.news.flatMap((news) =>
    "logged" in news && news.logged === "event loop was blocked" ? [news.fields["blockedMs"]] : [],
  );
}

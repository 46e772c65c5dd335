import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Celeriac } from "celeriac";
import { sqlite } from "celeriac/sqlite";
import { Worker } from "celeriac/worker";
import { describe, expect, it } from "vitest";
import { Database } from "../../src/adapters/sqlite/database.ts";
import { SqliteBackend } from "../../src/adapters/sqlite/sqlite-backend.ts";
import { SqliteKeyStore } from "../../src/adapters/sqlite/sqlite-keys.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import type { TaskMeta } from "../../src/backend/task-meta.ts";
import type { Delivery } from "../../src/broker/broker.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import type { PushItem } from "../../src/broker/queued/message-store.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { Reader } from "../../src/testing/conformance/broker/reader.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { deferred } from "../../src/util/deferred.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { ChaosClock } from "../support/chaos-clock.ts";
import type { WriterNews, WriterReport } from "../support/chaos-writer.ts";
import { Child } from "../support/child-process.ts";
import { eventually } from "../support/eventually.ts";
import { leaveOut } from "../support/left-out.ts";
import { messageOf, QUEUE, type News } from "../support/sqlite-child.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const PATIENCE = { timeoutMs: 60_000 };
const TIMEOUT_MS = 90_000;
const HOUR_MS = 3_600_000;
const MB = 1024 * 1024;

/** What a file keeps of the room that it had: the pages that it keeps for what comes next, and a little. */
const KEPT_BYTES = 5 * MB;

describe("the size of an SQLite file and its log", { timeout: TIMEOUT_MS }, () => {
  const BURST = 20_000;

  it("comes back with the next round of maintenance after a burst", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using store = openStore(file.path, clock);
    const before = await burst(store, file.path, BURST);
    expect(sizeOf(file.path)).toBeGreaterThan(before + 6 * KEPT_BYTES);
    clock.skip();
    await eventually(() => expect(sizeOf(file.path)).toBeLessThan(before + KEPT_BYTES), PATIENCE);
  });

  it("comes back while others write all the time", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using store = openStore(file.path, clock);
    const before = await burst(store, file.path, BURST);
    const program = new URL("../support/sqlite-child.ts", import.meta.url);
    await using producer = new Child<News>(program, ["produce", file.path, "1000000"]);
    await using consumer = new Child<News>(program, ["consume", file.path]);
    await eventually(() => expect(consumer.news.length).toBeGreaterThan(100), PATIENCE);
    clock.skip();
    await eventually(() => expect(sizeOf(file.path)).toBeLessThan(before + 2 * KEPT_BYTES), PATIENCE);
    const sent = producer.news.length;
    await eventually(() => expect(producer.news.length).toBeGreaterThan(sent + 100), PATIENCE);
  });

  it("comes back when the last who uses it goes, and the log with it", async () => {
    await using file = await sqliteFile();
    let before: number;
    {
      await using store = openStore(file.path);
      before = await burst(store, file.path, BURST);
    }
    expect(sizeOf(file.path)).toBeLessThan(before + KEPT_BYTES);
    expect(statSync(`${file.path}-wal`, { throwIfNoEntry: false })).toBeUndefined();
  });

  it("is left to those who consume from it by whoever else goes", async () => {
    await using file = await sqliteFile();
    await using store = openStore(file.path);
    const before = await burst(store, file.path, BURST);
    await store.attend("another", [QUEUE], 60_000);
    const passer = openStore(file.path, new ChaosClock());
    await passer.open();
    await passer[Symbol.asyncDispose]();
    expect(sizeOf(file.path)).toBeGreaterThan(before + KEPT_BYTES);
  });
});

describe("eight processes that write to one SQLite file", { timeout: TIMEOUT_MS }, () => {
  it("fail nobody, and let nobody starve", async () => {
    await using file = await sqliteFile();
    const program = new URL("../support/chaos-writer.ts", import.meta.url);
    const writers = Array.from({ length: 8 }, () => new Child<WriterNews>(program, [file.path, "4000"]));
    await Promise.all(writers.map((writer) => writer.exited));
    const reports = writers.map(({ news }) => news.find((one): one is WriterReport => "sent" in one));
    expect(reports.map((report) => report?.failures)).toEqual(reports.map(() => []));
    const sent = reports.map((report) => report?.sent ?? 0);
    expect(Math.min(...sent)).toBeGreaterThan(0);
    // A call is given up after 10 s.
    expect(Math.max(...reports.map((report) => report?.longestMs ?? Infinity))).toBeLessThan(5_000);
    await using store = openStore(file.path);
    const acknowledged = reports.reduce((sum, report) => sum + (report?.acknowledged ?? 0), 0);
    const total = sent.reduce((sum, one) => sum + one, 0);
    expect(acknowledged + ((await store.count(QUEUE))?.ready ?? 0)).toBe(total);
  });
});

describe("with an SQLite file, when the time is set back by an hour", () => {
  it("nobody who lives loses a lease", async () => {
    await using stage = await openStage();
    const { broker, clock } = stage;
    const delivery = await stage.delivered();
    await using other = stage.anotherBroker();
    const rival = new Reader(other.consume([QUEUE], { prefetch: 1 }), clock);
    clock.leap(-HOUR_MS);
    await rival.expectSilence(4 * LEASE_MS);
    await delivery.ack();
    expect(await broker.inspect(QUEUE)).toMatchObject({ ready: 0, unacked: 0 });
  });

  it("what the dead held is taken over soon after, not an hour later", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using store = openStore(file.path, clock);
    await declareAndPush(store, 1);
    expect(await store.take([QUEUE], { max: 1, leaseMs: 20_000, waitMs: 0 })).toHaveLength(1);
    clock.leap(-HOUR_MS);
    clock.skip();
    const lease = 60_000;
    await eventually(async () => {
      // The look is made later, by a clock of its own that is ahead.
      const later = new ChaosClock({ offset: lease - HOUR_MS });
      await using heir = openStore(file.path, later);
      expect(await heir.take([QUEUE], { max: 1, leaseMs: 20_000, waitMs: 0 })).toHaveLength(1);
    });
  });

  it("what is delayed waits for its moment", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using store = openStore(file.path, clock);
    await store.declare({ queues: [{ name: QUEUE }] });
    await store.push([{ ...itemOf("later"), delayMs: 1_000 }]);
    clock.leap(-HOUR_MS);
    const take = () => store.take([QUEUE], { max: 1, leaseMs: 1_000, waitMs: 0 });
    await systemClock.sleep(1_100);
    expect(await take()).toEqual([]);
    clock.leap(HOUR_MS);
    expect(await take()).toHaveLength(1);
  });

  it("whoever waits for messages hears of the next one as ever", async () => {
    await using stage = await openStage();
    const { broker, clock } = stage;
    const reader = new Reader(broker.consume([QUEUE], { prefetch: 1 }), clock);
    await reader.expectSilence(50);
    clock.leap(-HOUR_MS);
    await using other = stage.anotherBroker();
    await other.publish([{ message: messageOf("news"), route: { exchange: "", routingKey: QUEUE } }]);
    expect(await reader.text()).toBe("news");
  });

  it("a key has one owner still", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using keys = openKeys(file.path, clock);
    expect(await keys.claim("key", "first", 1_000)).toBe(true);
    clock.leap(-HOUR_MS);
    expect(await keys.claim("key", "second", 1_000)).toBe(false);
    expect(await keys.renew("key", "first", 1_000)).toBe(true);
    expect((await keys.read(["key"])).get("key")?.owner).toBe("first");
  });
});

describe("with an SQLite file, when the time is set forward by an hour", () => {
  it("a message is taken once more at most, and its first holder can neither renew nor settle it", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using store = openStore(file.path, clock);
    await using other = openStore(file.path, clock.another());
    await declareAndPush(store, 1);
    const [first] = await store.take([QUEUE], { max: 1, leaseMs: 20_000, waitMs: 0 });
    clock.leap(HOUR_MS);
    const [second, ...more] = await other.take([QUEUE], { max: 9, leaseMs: 20_000, waitMs: 0 });
    if (first === undefined || second === undefined) throw new Error("Nothing was taken.");
    expect(second.fence).toBeGreaterThan(first.fence);
    expect([...more, ...(await store.take([QUEUE], { max: 9, leaseMs: 20_000, waitMs: 0 }))]).toEqual([]);
    expect(await store.renew([first.receipt], 20_000)).toEqual([first.receipt]);
    expect(await store.settle([{ receipt: first.receipt, outcome: "ack" }])).toEqual([first.receipt]);
    expect(await other.settle([{ receipt: second.receipt, outcome: "ack" }])).toEqual([]);
    expect(await store.count(QUEUE)).toMatchObject({ ready: 0, unacked: 0 });
  });

  it("a holder that nobody was quicker than keeps its message", async () => {
    await using stage = await openStage();
    const delivery = await stage.delivered();
    stage.clock.leap(HOUR_MS);
    await delivery.ack();
    expect(await stage.broker.inspect(QUEUE)).toMatchObject({ ready: 0, unacked: 0 });
  });

  it("what is delayed is due, and the results of a day are kept", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using store = openStore(file.path, clock);
    await store.declare({ queues: [{ name: QUEUE }] });
    await store.push([{ ...itemOf("in an hour"), delayMs: HOUR_MS }]);
    const database = openDatabase(file.path, clock);
    await using backend = new SqliteBackend({ database, resultExpiresMs: 24 * HOUR_MS, log });
    await backend.store([metaOf("t")]);
    const take = store.take([QUEUE], { max: 1, leaseMs: 1_000, waitMs: 5_000 });
    clock.leap(HOUR_MS);
    expect(await take).toHaveLength(1);
    expect([...(await backend.fetch(["t"])).keys()]).toEqual(["t"]);
  });

  it("a key whose time is over is free, and who had it is told", async () => {
    await using file = await sqliteFile();
    const clock = new ChaosClock();
    await using keys = openKeys(file.path, clock);
    expect(await keys.claim("key", "first", 1_000)).toBe(true);
    clock.leap(HOUR_MS);
    expect(await keys.claim("key", "second", 1_000)).toBe(true);
    expect(await keys.renew("key", "first", 1_000)).toBe(false);
  });
});

describe.skipIf(!(await canMount()))("a disk that is full", { timeout: TIMEOUT_MS }, () => {
  it("takes no send, and keeps all that it took; what was to be settled is settled once there is room", async () => {
    await using full = await fillable();
    await using broker = openBroker(full.path, systemClock);
    await broker.declare({ queues: [{ name: QUEUE }] });
    const send = (text: string) =>
      broker.publish([{ message: messageOf(text), route: { exchange: "", routingKey: QUEUE } }]);
    for (const text of ["acked", "requeued", "waiting"]) await send(text);
    const reader = new Reader(broker.consume([QUEUE], { prefetch: 2 }), systemClock);
    const [acked, requeued] = await reader.take(2);
    await full.fill();
    await expect(send("x".repeat(64 * 1_024))).rejects.toThrow(BrokerUnavailableError);
    await expect(send("x".repeat(64 * 1_024))).rejects.toThrow("the disk is full");
    const settled = Promise.all([acked?.ack(), requeued?.requeue()]);
    // Renewals fail meanwhile.
    await systemClock.sleep(2 * LEASE_MS);
    await full.empty();
    await settled;
    expect([await reader.text(), await reader.text()].toSorted()).toEqual(["requeued", "waiting"]);
    expect(await broker.inspect(QUEUE)).toMatchObject({ ready: 0, unacked: 0 });
  });

  it("keeps a worker's results waiting, and no task runs twice for it", async () => {
    await using full = await fillable();
    const adapter = sqlite({ path: full.path });
    await using app = new Celeriac({ broker: adapter, resultBackend: adapter }, { env: {} });
    const gate = deferred();
    let runs = 0;
    const task = app.task("wait", async () => {
      runs += 1;
      await gate.promise;
      return "x".repeat(20_000);
    });
    const results = await app.sendBatch(Array.from({ length: 8 }, () => task.s()));
    await using worker = new Worker(app, { concurrency: 8 });
    await worker.start();
    await eventually(() => expect(runs).toBe(8));
    await full.fill();
    gate.resolve();
    await systemClock.sleep(1_000);
    await full.empty();
    for (const result of results) expect(await result.get({ timeoutMs: 20_000 })).toHaveLength(20_000);
    const broker = await app.broker();
    await eventually(async () => expect(await broker.inspect("celery")).toMatchObject({ ready: 0, unacked: 0 }));
    expect(runs).toBe(8);
  });
});

/** Of the brokers here, in milliseconds. */
const LEASE_MS = 500;

function openBroker(path: string, clock: Clock): QueuedBroker {
  return new QueuedBroker({ store: openStore(path, clock), clock, log, leaseMs: LEASE_MS });
}

/** A broker with one message in its queue, and others on the same file, which are as other processes to it. */
async function openStage() {
  const file = await sqliteFile();
  const clock = new ChaosClock();
  const broker = openBroker(file.path, clock);
  await broker.declare({ queues: [{ name: QUEUE }] });
  return {
    clock,
    broker,
    anotherBroker: () => openBroker(file.path, clock.another()),
    delivered: async (): Promise<Delivery> => {
      await broker.publish([{ message: messageOf("one"), route: { exchange: "", routingKey: QUEUE } }]);
      return new Reader(broker.consume([QUEUE], { prefetch: 1 }), clock).next();
    },
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    },
  };
}

function openDatabase(path: string, clock: Clock): Database {
  const unavailable = (detail: string, options: { readonly cause?: unknown }): Error =>
    new BrokerUnavailableError(`sqlite:${path}`, detail, options);
  return new Database({ path, clock, unavailable });
}

function openStore(path: string, clock: Clock = systemClock): SqliteStore {
  return new SqliteStore({ url: `sqlite:${path}`, database: openDatabase(path, clock) });
}

function openKeys(path: string, clock: Clock): SqliteKeyStore {
  return new SqliteKeyStore(openDatabase(path, clock));
}

async function declareAndPush(store: SqliteStore, count: number): Promise<void> {
  await store.declare({ queues: [{ name: QUEUE }] });
  await store.push(Array.from({ length: count }, (_, index) => itemOf(`${index}`)));
}

/** Pushes so many messages, and drains them. Gives the size of file and log before, in bytes. */
async function burst(store: SqliteStore, path: string, count: number): Promise<number> {
  const AT_ONCE = 1_000;
  await declareAndPush(store, 0);
  const before = sizeOf(path);
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    await store.push(Array.from({ length: AT_ONCE }, () => itemOf("x".repeat(2_000))));
  }
  for (let taken = 0; taken < count; taken += AT_ONCE) {
    const leased = await store.take([QUEUE], { max: AT_ONCE, leaseMs: 60_000, waitMs: 0 });
    await store.settle(leased.map(({ receipt }) => ({ receipt, outcome: "ack" })));
  }
  return before;
}

function itemOf(text: string): PushItem {
  return { queues: [QUEUE], message: messageOf(text), delayMs: 0 };
}

function metaOf(taskId: string): TaskMeta {
  const none = { traceback: null, doneAt: null, children: [], parentId: null, groupId: null };
  return { taskId, state: "SUCCESS", result: null, ...none };
}

/** Of the file with its log, in bytes. */
function sizeOf(path: string): number {
  return [path, `${path}-wal`].reduce((sum, one) => sum + (statSync(one, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** A file on a disk of its own, which can be filled up. */
async function fillable() {
  const disk = await smallDisk();
  const ballast = join(disk.path, "ballast");
  return {
    path: join(disk.path, "test.db"),
    fill: async () => {
      for (const bytes of [64 * 1_024, 4_096, 512]) {
        try {
          for (;;) await writeFile(ballast, Buffer.alloc(bytes), { flag: "a" });
        } catch (error) {
          if ((error as { code?: unknown }).code !== "ENOSPC") throw error;
        }
      }
    },
    empty: () => rm(ballast),
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  };
}

/** Whether this user may mount a file system. */
async function canMount(): Promise<boolean> {
  try {
    const disk = await smallDisk();
    await disk[Symbol.asyncDispose]();
    return true;
  } catch (error) {
    leaveOut("a disk that is full", `no file system can be mounted here: ${String(error)}`);
    return false;
  }
}

/** A file system in memory, of two megabytes. */
async function smallDisk(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "celeriac-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path], { stdio: "pipe" });
  } catch (error) {
    await rm(path, { recursive: true });
    throw error;
  }
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      execFileSync("umount", ["--lazy", path]);
      await rm(path, { recursive: true });
    },
  };
}

import { appendFile, chmod, open, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import { Database } from "../../src/adapters/sqlite/database.ts";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { sqlite } from "../../src/adapters/sqlite/index.ts";
import { SqliteBackend } from "../../src/adapters/sqlite/sqlite-backend.ts";
import { SqliteBroadcaster } from "../../src/adapters/sqlite/sqlite-broadcaster.ts";
import { SqliteKeyStore } from "../../src/adapters/sqlite/sqlite-keys.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import { ResultBackendUnavailableError } from "../../src/backend/errors.ts";
import type { TaskMeta } from "../../src/backend/task-meta.ts";
import type { Publication } from "../../src/broker/broker.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import type { Message } from "../../src/message/message.ts";
import { Reader } from "../../src/testing/conformance/broker/reader.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { deferred } from "../../src/util/deferred.ts";
import { Child } from "../support/child-process.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { messageOf, openBroker, QUEUE, type News } from "../support/sqlite-child.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const PAGE_BYTES = 4_096;

describe("an SQLite file that cannot be used says what is wrong", () => {
  it("when its directory does not exist", async () => {
    await using file = await sqliteFile();
    const path = join(dirname(file.path), "missing", "test.db");
    await expectUnavailable(path, `the directory ${dirname(path)} does not exist. Create it.`);
  });

  it("when it is a directory", async () => {
    await using file = await sqliteFile();
    await expectUnavailable(dirname(file.path), "the file cannot be opened");
  });

  it("when it is no database", async () => {
    await using file = await sqliteFile();
    await writeFile(file.path, "This is a letter to my grandmother. ".repeat(100));
    await expectUnavailable(file.path, "the file is no SQLite database");
  });

  it("when it is another program's database", async () => {
    await using file = await sqliteFile();
    execute(file.path, "CREATE TABLE songs (title TEXT)");
    await expectUnavailable(file.path, "another program's database");
  });

  it("when a newer Celeriac wrote it", async () => {
    await using file = await sqliteFile();
    await using store = openStore(file.path);
    await store.open();
    execute(file.path, "PRAGMA user_version = 999");
    await using later = openStore(file.path, anotherClock());
    await expect(later.open()).rejects.toThrow(/written by a newer Celeriac \(its schema is 999/);
  });

  it("when it is damaged", async () => {
    await using file = await sqliteFile();
    await (async () => {
      await using store = openStore(file.path);
      await declareAndPush(store, 50);
    })();
    const handle = await open(file.path, "r+");
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - PAGE_BYTES, 0xaa), 0, size - PAGE_BYTES, PAGE_BYTES);
    await handle.close();
    await using store = openStore(file.path);
    const take = store.take([QUEUE], { max: 1, leaseMs: 1_000, waitMs: 0 });
    await expect(take).rejects.toThrow(BrokerUnavailableError);
    await expect(take).rejects.toThrow("the file is damaged");
  });

  it("when it may not be written", async () => {
    await using file = await sqliteFile();
    await (async () => {
      await using store = openStore(file.path);
      await declareAndPush(store, 1);
    })();
    await chmod(file.path, 0o444);
    await chmod(dirname(file.path), 0o555);
    // Nothing is forbidden to root, so that nobody has to try.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const program = new URL("../support/sqlite-child.ts", import.meta.url);
    await using child = new Child<News>(program, ["open", file.path], asNobody);
    await child.exited;
    await chmod(dirname(file.path), 0o755);
    expect(child.news).toEqual([{ failed: expect.stringContaining("BrokerUnavailableError") as string }]);
    expect(JSON.stringify(child.news)).toMatch(/cannot be (written|opened)/);
  });

  it("to those who store results, too", async () => {
    await using file = await sqliteFile();
    await writeFile(file.path, "no database ".repeat(100));
    const create = sqlite(file).createResultBackend;
    await using backend = create?.({ clock: systemClock, log, resultExpiresMs: 1_000 });
    await expect(backend?.open()).rejects.toThrow(ResultBackendUnavailableError);
  });
});

describe("an SQLite file that is locked", () => {
  it("does not keep a worker from stopping: what it could not settle is left to its lease", async () => {
    await using file = await sqliteFile();
    const adapter = sqlite({ path: file.path });
    await using app = new Celeriac({ broker: adapter, resultBackend: adapter }, { env: {} });
    const gate = deferred();
    const wait = app.task("wait", () => gate.promise);
    await wait.delay();
    const worker = new Worker(app);
    await worker.start();
    await eventually(() => expect(worker.busy).toBe(1));
    using _lock = lockedBy(file.path);
    gate.resolve();
    const start = Date.now();
    await worker.stop({ graceMs: 0 });
    expect(worker.state).toBe("stopped");
    expect(Date.now() - start).toBeLessThan(20_000);
  });

  it("is waited for", async () => {
    await using file = await sqliteFile();
    await using store = openStore(file.path);
    await declareAndPush(store, 1);
    const other = loadDriver().open(file.path);
    other.exec("BEGIN IMMEDIATE");
    const push = store.push([itemOf("late")]);
    await systemClock.sleep(100);
    other.exec("COMMIT");
    other.close();
    await push;
    expect((await store.count(QUEUE))?.ready).toBe(2);
  });

  it("is given up after a while, with nothing changed", async () => {
    await using file = await sqliteFile();
    await using store = openStore(file.path, hurriedClock());
    await declareAndPush(store, 1);
    const other = loadDriver().open(file.path);
    other.exec("BEGIN IMMEDIATE");
    const push = store.push([itemOf("never")]);
    await expect(push).rejects.toThrow(BrokerUnavailableError);
    await expect(push).rejects.toThrow("another process keeps it locked");
    other.exec("COMMIT");
    other.close();
    expect((await store.count(QUEUE))?.ready).toBe(1);
  });

  it("gets nothing from a call that was given up while it waited, and all from the others", async () => {
    await using file = await sqliteFile();
    await using broker = openBroker(file.path);
    await broker.declare({ queues: [{ name: QUEUE }] });
    using lock = lockedBy(file.path);
    const controller = new AbortController();
    const givenUp = broker.publish([toQueue("given up"), toQueue("as well")], { signal: controller.signal });
    const other = broker.publish([toQueue("waited for")]);
    await systemClock.sleep(50);
    controller.abort(new Error("deadline"));
    await expect(givenUp).rejects.toThrow("deadline");
    await systemClock.sleep(50);
    lock[Symbol.dispose]();
    await other;
    for await (const { message } of broker.consume([QUEUE], { prefetch: 10 })) {
      expect(Buffer.from(message.body).toString()).toBe("waited for");
      break;
    }
    expect(await broker.inspect(QUEUE)).toMatchObject({ ready: 0, unacked: 1 });
  });

  it("leases nothing to a take that was called off while it waited, which ends at once", async () => {
    await using file = await sqliteFile();
    await using store = openStore(file.path);
    await declareAndPush(store, 1);
    using lock = lockedBy(file.path);
    const controller = new AbortController();
    const take = store.take([QUEUE], { max: 1, leaseMs: 60_000, waitMs: 0, signal: controller.signal });
    await systemClock.sleep(50);
    controller.abort(new Error("called off"));
    await expect(take).rejects.toThrow("called off");
    lock[Symbol.dispose]();
    await store.settle([{ receipt: "0:0", outcome: "ack" }]); // in one transaction with what waited, or behind it
    expect(await store.count(QUEUE)).toMatchObject({ ready: 1, unacked: 0 });
  });

  it("does not keep a consumer from being disposed, nor then its broker", async () => {
    await using file = await sqliteFile();
    const broker = openBroker(file.path);
    await broker.declare({ queues: [{ name: QUEUE }] });
    await broker.publish([toQueue("1"), toQueue("2"), toQueue("3")]);
    const consumer = broker.consume([QUEUE], { prefetch: 3 });
    const reader = new Reader(consumer, systemClock);
    const [first] = await reader.take(2);
    using _lock = lockedBy(file.path);
    const ack = expect(first?.ack()).rejects.toThrow(BrokerUnavailableError);
    const start = performance.now();
    await consumer[Symbol.asyncDispose]();
    await ack;
    await reader.expectEnd();
    await broker[Symbol.asyncDispose]();
    expect(performance.now() - start).toBeLessThan(9_000);
  });
});

describe("an SQLite file with a message that cannot be read", () => {
  for (const head of ["{", "null", "5", '{"headers":[]}']) {
    it(`buries it and goes on with the next: ${head}`, async () => {
      await using file = await sqliteFile();
      await using database = openDatabase(file.path);
      await using store = new SqliteStore({ url: file.path, database });
      await declareAndPush(store, 3);
      await database.transaction("relaxed", (sql) => sql("UPDATE messages SET head = ? WHERE id <= 2").run(head));
      const leased = await store.take([QUEUE], { max: 1, leaseMs: 60_000, waitMs: 0 });
      expect(leased.map(({ message }) => Buffer.from(message.body).toString())).toEqual(["2"]);
      const letters = await store.deadLetters({});
      expect(letters).toHaveLength(2);
      expect(letters[0]).toMatchObject({
        queue: QUEUE,
        deliveries: 0,
        reason: { code: "unreadable" },
        message: { headers: {}, properties: {} },
      });
      expect(letters.map(({ message }) => Buffer.from(message.body).toString())).toEqual(["0", "1"]);
      expect(await store.count(QUEUE)).toMatchObject({ ready: 0, unacked: 1 });
    });
  }

  it("lists a dead letter whose history cannot be read", async () => {
    await using file = await sqliteFile();
    await using database = openDatabase(file.path);
    await using store = new SqliteStore({ url: file.path, database });
    await declareAndPush(store, 1);
    const [leased] = await store.take([QUEUE], { max: 1, leaseMs: 60_000, waitMs: 0 });
    const reason = { code: "rejected", detail: "No." };
    await store.settle([{ receipt: leased?.receipt ?? "", outcome: "dead-letter", reason }]);
    await database.transaction("relaxed", (sql) => sql("UPDATE dead_letters SET history = '[half'").run());
    expect(await store.deadLetters({})).toMatchObject([{ reason, history: [] }]);
    expect(await store.replay({}, undefined)).toBe(1);
  });

  it("passes over a broadcast that cannot be read", async () => {
    await using file = await sqliteFile();
    await using database = openDatabase(file.path);
    const broadcaster = new SqliteBroadcaster(database);
    const exchange = { name: "news", type: "fanout" } as const;
    await using listener = await broadcaster.listen(exchange);
    await broadcaster.broadcast(messageOf("garbled"), exchange);
    await database.transaction("relaxed", (sql) => sql("UPDATE broadcasts SET head = '{'").run());
    await broadcaster.broadcast(messageOf("clear"), exchange);
    for await (const { body } of listener) {
      expect(Buffer.from(body).toString()).toBe("clear");
      break;
    }
  });
});

describe("an SQLite file with a result that cannot be read", () => {
  it("gives the others, to those who fetch and to those who watch", async () => {
    await using file = await sqliteFile();
    await using database = openDatabase(file.path);
    const { log, lines } = recordingLogger();
    await using backend = new SqliteBackend({ database, resultExpiresMs: 60_000, log });
    await backend.store(["garbled", "clear"].map(metaOf));
    await database.transaction("relaxed", (sql) =>
      sql("UPDATE results SET meta = '{' WHERE task_id = 'garbled'").run(),
    );
    expect([...(await backend.fetch(["garbled", "clear"])).keys()]).toEqual(["clear"]);
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "warn", fields: expect.objectContaining({ taskId: "garbled" }) as unknown }),
    );
    const heard: string[] = [];
    await using watch = backend.watch(({ taskId }) => heard.push(taskId));
    await watch.add(["garbled", "clear"]);
    expect(heard).toEqual(["clear"]);
  });
});

describe("an SQLite file that refuses one row", () => {
  const REFUSE = "BEGIN SELECT RAISE(ABORT, 'refused'); END";

  it("takes the other messages that were sent in the same turn", async () => {
    await using file = await sqliteFile();
    await using broker = openBroker(file.path);
    await broker.declare({ queues: [{ name: QUEUE }] });
    execute(file.path, `CREATE TRIGGER t BEFORE INSERT ON messages WHEN NEW.body = CAST('guilty' AS BLOB) ${REFUSE}`);
    const texts = ["innocent", "guilty", "innocent too"];
    const outcomes = await Promise.allSettled(texts.map((text) => broker.publish([toQueue(text)])));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await broker.inspect(QUEUE))?.ready).toBe(2);
  });

  it("takes the other results, claims and broadcasts", async () => {
    await using file = await sqliteFile();
    await using database = openDatabase(file.path);
    await using backend = new SqliteBackend({ database: database.sibling(), resultExpiresMs: 60_000, log });
    await backend.open();
    for (const [table, column] of [
      ["results", "task_id"],
      ["claims", "key"],
      ["broadcasts", "routing_key"],
    ]) {
      execute(file.path, `CREATE TRIGGER ${table}_t BEFORE INSERT ON ${table} WHEN NEW.${column} = 'guilty' ${REFUSE}`);
    }
    const broadcaster = new SqliteBroadcaster(database);
    await using keys = new SqliteKeyStore(database.sibling());
    const writes: readonly ((name: string) => Promise<unknown>)[] = [
      (name) => backend.store([metaOf(name)]),
      (name) => keys.claim(name, "me", 1_000),
      (name) => broadcaster.broadcast(messageOf("x"), { name: "news", type: "fanout" }, name),
    ];
    for (const write of writes) {
      const outcomes = await Promise.allSettled(["innocent", "guilty"].map(write));
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    }
  });
});

describe("an SQLite file that can grow no more", () => {
  it("refuses whole pushes, loses nothing that it took, and goes on once there is room", async () => {
    await using file = await sqliteFile();
    await using database = openDatabase(file.path);
    await using store = new SqliteStore({ url: file.path, database });
    await declareAndPush(store, 1);
    await database.read((sql) => sql("PRAGMA max_page_count = 100").get());
    let taken = 1;
    const fill = async (): Promise<void> => {
      for (;;) {
        await store.push(Array.from({ length: 20 }, () => itemOf("x".repeat(1_000))));
        taken += 20;
      }
    };
    await expect(fill()).rejects.toThrow("the disk is full");
    expect((await store.count(QUEUE))?.ready).toBe(taken);
    // Taking and acknowledging makes room by itself.
    const leased = await store.take([QUEUE], { max: taken, leaseMs: 60_000, waitMs: 0 });
    expect(leased).toHaveLength(taken);
    await store.settle(leased.map(({ receipt }) => ({ receipt, outcome: "ack" })));
    await store.push([itemOf("fits")]);
    expect((await store.count(QUEUE))?.ready).toBe(1);
  });
});

describe("an SQLite file that is replaced while it is open", () => {
  it("is noticed by senders and by those who wait, who go on with the new one", async () => {
    await using file = await sqliteFile();
    await using broker = openBroker(file.path);
    await broker.declare({ queues: [{ name: QUEUE }] });
    const consumer = broker.consume([QUEUE], { prefetch: 1 });
    for (const suffix of ["", "-wal", "-shm"]) await rm(file.path + suffix, { force: true });
    await appendFile(file.path, "");
    await expect(broker.publish([toQueue("anew")])).rejects.toThrow("removed or replaced");
    await eventually(() => broker.publish([toQueue("anew")]));
    for await (const delivery of consumer) {
      expect(Buffer.from(delivery.message.body).toString()).toBe("anew");
      await delivery.ack();
      break;
    }
  });
});

describe("an SQLite file that is replaced under a watch and a listener", () => {
  it("does not make them deaf", async () => {
    await using file = await sqliteFile();
    const context = { clock: systemClock, log, resultExpiresMs: 60_000 };
    const { createBroker, createResultBackend } = sqlite(file);
    await using broker = createBroker?.(context);
    await using backend = createResultBackend?.(context);
    if (broker?.broadcaster === undefined || backend === undefined) throw new Error("absent");
    const exchange = { name: "news", type: "fanout" } as const;
    await using listener = await broker.broadcaster.listen(exchange);
    const heard = listener[Symbol.asyncIterator]().next();
    const states: string[] = [];
    await using watch = backend.watch((meta) => states.push(meta.state));
    await watch.add(["t"]);
    for (const suffix of ["", "-wal", "-shm"]) await rm(file.path + suffix, { force: true });

    await using elsewhere = sqlite(file).createBroker?.({ ...context, clock: anotherClock() });
    await using otherBackend = sqlite(file).createResultBackend?.({ ...context, clock: anotherClock() });
    await otherBackend?.store([metaOf("t")]);
    await elsewhere?.broadcaster?.broadcast(messageOf("hello"), exchange);
    await eventually(() => expect(states).toEqual(["STARTED"]));
    const { value } = (await heard) as { readonly value?: Message };
    expect(Buffer.from(value?.body ?? []).toString()).toBe("hello");
  });
});

describe("an SQLite file with thousands of messages", () => {
  it("gives its pages back when they are gone", async () => {
    await using file = await sqliteFile();
    const clock = new SkippingClock();
    await using database = openDatabase(file.path, clock);
    await using store = new SqliteStore({ url: file.path, database });
    await declareAndPush(store, 1);
    await store.push(Array.from({ length: 5_000 }, () => itemOf("x".repeat(4_000))));
    const before = await pageCount(database);
    expect(await store.purge(QUEUE)).toBe(5_001);
    clock.skip();
    await eventually(async () => expect(await pageCount(database)).toBeLessThan(before / 2));
  });
});

/** Keeps the file's write lock until it is disposed. */
function lockedBy(path: string): Disposable {
  const other = loadDriver().open(path);
  other.exec("BEGIN IMMEDIATE");
  let isLocked = true;
  return {
    [Symbol.dispose]: () => {
      if (isLocked) other.close();
      isLocked = false;
    },
  };
}

function toQueue(text: string): Publication {
  return { message: messageOf(text), route: { exchange: "", routingKey: QUEUE } };
}

function metaOf(taskId: string): TaskMeta {
  const none = { traceback: null, doneAt: null, children: [], parentId: null, groupId: null };
  return { taskId, state: "STARTED", result: null, ...none };
}

async function expectUnavailable(path: string, detail: string): Promise<void> {
  await using store = openStore(path);
  const opening = store.open();
  await expect(opening).rejects.toThrow(BrokerUnavailableError);
  await expect(opening).rejects.toThrow(detail);
}

function openDatabase(path: string, clock: Clock = systemClock): Database {
  return new Database({
    path,
    clock,
    unavailable: (detail, options) => new BrokerUnavailableError(`sqlite:${path}`, detail, options),
  });
}

function openStore(path: string, clock?: Clock): SqliteStore {
  return new SqliteStore({ url: `sqlite:${path}`, database: openDatabase(path, clock) });
}

function execute(path: string, sql: string): void {
  const connection = loadDriver().open(path);
  connection.exec(sql);
  connection.close();
}

async function declareAndPush(store: SqliteStore, count: number): Promise<void> {
  await store.declare({ queues: [{ name: QUEUE }] });
  await store.push(Array.from({ length: count }, (_, index) => itemOf(`${index}`)));
}

function itemOf(text: string): { queues: string[]; message: ReturnType<typeof messageOf>; delayMs: number } {
  return { queues: [QUEUE], message: messageOf(text), delayMs: 0 };
}

async function pageCount(database: Database): Promise<number> {
  const row = await database.read((sql) => sql<{ readonly page_count: number }>("PRAGMA page_count").get());
  return row?.page_count ?? NaN;
}

/** For a connection of its own. */
function anotherClock(): Clock {
  return { now: () => systemClock.now(), sleep: (ms, options) => systemClock.sleep(ms, options) };
}

/** Every sleep takes a second of its time, and next to none of ours. */
function hurriedClock(): Clock {
  let ahead = 0;
  return {
    now: () => systemClock.now() + ahead,
    sleep: async (_, options) => {
      ahead += 1_000;
      await systemClock.sleep(1, options);
    },
  };
}

/** Time as usual, until `skip` ends all sleeps that last a minute or more. */
class SkippingClock implements Clock {
  readonly #skips: (() => void)[] = [];

  skip(): void {
    for (const skip of this.#skips) skip();
  }

  now(): number {
    return systemClock.now();
  }

  async sleep(ms: number, options: Parameters<Clock["sleep"]>[1]): Promise<void> {
    if (ms < 60_000) return systemClock.sleep(ms, options);
    const skipped = new Promise<void>((resolve) => this.#skips.push(resolve));
    return Promise.race([skipped, systemClock.sleep(ms, options)]);
  }
}

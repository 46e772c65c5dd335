import { describe, expect, it } from "vitest";
import { Database } from "../../src/adapters/sqlite/database.ts";
import type { Durability, Sql } from "../../src/adapters/sqlite/shared-database.ts";
import { SqliteBackend } from "../../src/adapters/sqlite/sqlite-backend.ts";
import { SqliteKeyStore } from "../../src/adapters/sqlite/sqlite-keys.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import type { Abortable } from "../../src/util/abortable.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { messageOf, QUEUE } from "../support/sqlite-child.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

/** `PRAGMA synchronous`: in WAL mode, FULL syncs the log with every commit, NORMAL with checkpoints only. https://sqlite.org/pragma.html */
const [NORMAL, FULL] = [1, 2];

describe("what SQLite commits", () => {
  it("is in a write-ahead log", async () => {
    await using stage = await openStage();
    const mode = await stage.database.read((sql) => sql("PRAGMA journal_mode").get());
    expect(mode).toEqual({ journal_mode: "wal" });
  });

  it("is synced to the disk where it is a promise to somebody: sends, results, claims, declarations", async () => {
    await using stage = await openStage();
    const { store, database } = stage;
    await using backend = new SqliteBackend({ database, resultExpiresMs: 60_000, log });
    await using keys = new SqliteKeyStore(database);
    const none = { result: null, traceback: null, doneAt: null, children: [], parentId: null, groupId: null };
    const promises: Readonly<Record<string, () => Promise<unknown>>> = {
      declare: () => store.declare({ queues: [{ name: "other" }] }),
      push: () => store.push([{ queues: [QUEUE], message: messageOf("x"), delayMs: 0 }]),
      store: () => backend.store([{ taskId: "t", state: "SUCCESS", ...none }]),
      forget: () => backend.forget(["t"]),
      claim: () => keys.claim("key", "owner", 1_000),
      release: () => keys.release("key", "owner"),
      replay: () => store.replay({}, undefined),
      drop: () => store.drop({}),
      purge: () => store.purge(QUEUE),
      remove: () => store.remove("other", { ifEmpty: false, ifUnused: false }),
    };
    for (const [name, promise] of Object.entries(promises)) {
      // Whatever the last commit was.
      await store.attend("consumer", [QUEUE], 1_000);
      expect([name, ...(await stage.levelsOf(promise))]).toEqual([name, FULL]);
    }
  });

  it("is not where losing it leads to no more than a redelivery", async () => {
    await using stage = await openStage();
    const { store } = stage;
    await store.push([{ queues: [QUEUE], message: messageOf("x"), delayMs: 0 }]);
    const receipts: string[] = [];
    const take = async (): Promise<void> => {
      for (const { receipt } of await store.take([QUEUE], { max: 1, leaseMs: 60_000, waitMs: 0 }))
        receipts.push(receipt);
    };
    expect(await stage.levelsOf(take)).toEqual([NORMAL]);
    expect(await stage.levelsOf(() => store.renew(receipts, 60_000))).toEqual([NORMAL]);
    const acks = receipts.map((receipt) => ({ receipt, outcome: "ack" }) as const);
    expect(acks).toHaveLength(1);
    expect(await stage.levelsOf(() => store.settle(acks))).toEqual([NORMAL]);
  });
});

/** Writes down how each of its transactions is synced: what the connection says with the lock held, not what was asked of it. */
class WatchedDatabase extends Database {
  readonly levels: number[] = [];

  override transaction<T>(durability: Durability, work: (sql: Sql) => T, options?: Abortable): Promise<T> {
    const watched = (sql: Sql): T => {
      this.levels.push(sql<{ readonly synchronous: number }>("PRAGMA synchronous").get()?.synchronous ?? NaN);
      return work(sql);
    };
    return super.transaction(durability, watched, options);
  }
}

async function openStage() {
  const file = await sqliteFile();
  const database = new WatchedDatabase({ path: file.path, clock, unavailable: (detail) => new Error(detail) });
  const store = new SqliteStore({ url: file.path, database });
  await store.declare({ queues: [{ name: QUEUE }] });
  return {
    database,
    store,
    /** How the transactions of a call are synced. */
    levelsOf: async (call: () => Promise<unknown>): Promise<readonly number[]> => {
      const before = database.levels.length;
      await call();
      return database.levels.slice(before).filter((level, index, all) => level !== all[index - 1]);
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    },
  };
}

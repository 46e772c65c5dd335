import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Database } from "../../src/adapters/sqlite/database.ts";
import { listDeadLetters } from "../../src/adapters/sqlite/dead-letters.ts";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { chosenBetween } from "../../src/adapters/sqlite/replay.ts";
import type { Durability, Sql } from "../../src/adapters/sqlite/shared-database.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import type { DeadLetterFilter } from "../../src/broker/broker.ts";
import type { Abortable } from "../../src/util/abortable.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { messageOf, QUEUE } from "../support/sqlite-child.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const ANOTHER_DEATH = `
  INSERT INTO dead_letters (queue, code, detail, died_at, deliveries, fence, rank, head, body)
  VALUES ('${QUEUE}', 'rejected', '', 1, 1, 1, 0, '{}', x'')`;

describe("dead letters in an SQLite file", () => {
  it("are found by an index whatever is asked for, in order without being sorted", async () => {
    await using stage = await openStage();
    const filters: readonly DeadLetterFilter[] = [
      {},
      { code: "unknown-task" },
      { queue: QUEUE },
      { queue: QUEUE, code: "unknown-task" },
    ];
    for (const filter of filters) {
      const texts = await stage.textsOf((sql) => {
        listDeadLetters(sql, { ...filter, after: "7" });
        chosenBetween(sql, filter, 0, 1_000, 10);
      });
      expect(texts).toHaveLength(2);
      for (const text of texts) {
        const plan = await stage.planOf(text);
        expect(plan, text).toMatch(/^SEARCH/);
        expect(plan, text).not.toContain("TEMP B-TREE");
        for (const column of Object.keys(filter)) expect(plan, text).toContain(`${column}=?`);
      }
    }
  });

  it("are replayed and dropped in steps, so that no step keeps others from writing for long", async () => {
    await using stage = await openStage();
    const { store, database } = stage;
    await stage.fill(2_500);
    expect(await store.replay({ queue: QUEUE }, undefined)).toBe(2_500);
    expect(database.steps).toEqual([1_000, 1_000, 500]);
    await store.purge(QUEUE);
    await stage.fill(2_500);
    const ids = (await store.deadLetters({ limit: 2_500 })).map(({ id }) => id);
    database.steps.length = 0;
    expect(await store.drop({ ids })).toBe(2_500);
    expect(database.steps).toEqual([1_000, 1_000, 500]);
  });

  it("that die while others are replayed are left alone", async () => {
    await using stage = await openStage();
    await stage.fill(1_500);
    stage.database.afterStep = (sql) => sql(ANOTHER_DEATH).run();
    expect(await stage.store.replay({}, undefined)).toBe(1_500);
    expect(await stage.store.deadLetters({})).toHaveLength(2);
  });

  it("of a file that an older version wrote keep their order, their reasons and their messages", async () => {
    await using file = await sqliteFile();
    const head = JSON.stringify({ contentType: "text/plain", contentEncoding: "utf-8", headers: {}, properties: {} });
    const connection = loadDriver().open(file.path);
    connection.exec(await readFile(new URL("../support/sqlite-schema-1.sql", import.meta.url), "utf8"));
    connection.exec("INSERT INTO queues (name) VALUES ('q')");
    const insert = connection.prepare(
      "INSERT INTO messages (state, due_at, deliveries, fence, queue, rank, since, reason, head, body) VALUES (?, ?, ?, 7, 'q', 0, 1, ?, ?, ?)",
    );
    const rows = [
      [5, 3_000, 2, JSON.stringify({ code: "rejected", detail: "Second." }), "b"],
      [5, 2_000, 1, JSON.stringify({ code: "unreadable", detail: "First." }), "a"],
      [5, 4_000, 1, "[half", "c"],
      [2, 9_000, 1, null, "requeued before"],
    ] as const;
    for (const [state, dueAt, deliveries, reason, text] of rows) {
      insert.run(state, dueAt, deliveries, reason, head, Buffer.from(text));
    }
    connection.close();

    await using store = openStore(file.path);
    const letters = await store.deadLetters({});
    expect(letters.map(({ reason, diedAt, deliveries }) => [reason, diedAt.getTime(), deliveries])).toEqual([
      [{ code: "unreadable", detail: "First." }, 2_000, 1],
      [{ code: "rejected", detail: "Second." }, 3_000, 2],
      [{ code: "unreadable", detail: "[half" }, 4_000, 1],
    ]);
    expect(letters.map(({ message }) => Buffer.from(message.body).toString())).toEqual(["a", "b", "c"]);
    expect(await store.replay({ code: "rejected" }, undefined)).toBe(1);

    const leased = await store.take(["q"], { max: 10, leaseMs: 60_000, waitMs: 0 });
    expect(leased.map(({ message }) => Buffer.from(message.body).toString())).toEqual(["requeued before", "b"]);
    expect(leased.every(({ fence }) => fence > 7)).toBe(true);
    const reason = { code: "rejected", detail: "" };
    await store.settle(leased.map(({ receipt }) => ({ receipt, outcome: "dead-letter", reason }) as const));
    const history = (await store.deadLetters({ code: "rejected" })).map((letter) => letter.history);
    expect(history).toEqual([[], [{ at: new Date(3_000), code: "rejected", detail: "Second." }]]);
  });
});

/** Notes how many dead letters each transaction has deleted. */
class SteppingDatabase extends Database {
  readonly steps: number[] = [];
  /** Runs in the same transaction, behind what it deleted. */
  afterStep: (sql: Sql) => void = () => undefined;

  override async transaction<T>(durability: Durability, work: (sql: Sql) => T, options?: Abortable): Promise<T> {
    const count = (sql: Sql): number => sql<{ n: number }>("SELECT count(*) AS n FROM dead_letters").get()?.n ?? NaN;
    return super.transaction(
      durability,
      (sql) => {
        const before = count(sql);
        const result = work(sql);
        const after = count(sql);
        if (after >= before) return result;
        this.steps.push(before - after);
        this.afterStep(sql);
        return result;
      },
      options,
    );
  }
}

async function openStage() {
  const file = await sqliteFile();
  const database = new SteppingDatabase(databaseOptions(file.path));
  const store = new SqliteStore({ url: file.path, database });
  await store.declare({ queues: [{ name: QUEUE }] });
  return {
    database,
    store,
    /** Sends so many messages and dead-letters them. */
    fill: async (count: number): Promise<void> => {
      await store.push(
        Array.from({ length: count }, (_, n) => ({ queues: [QUEUE], message: messageOf(`${n}`), delayMs: 0 })),
      );
      const taken = await store.take([QUEUE], { max: count, leaseMs: 60_000, waitMs: 0 });
      const reason = { code: "rejected", detail: "" };
      await store.settle(taken.map(({ receipt }) => ({ receipt, outcome: "dead-letter", reason }) as const));
    },
    /** The statements that some work runs. */
    textsOf: async (work: (sql: Sql) => void): Promise<readonly string[]> => {
      const texts: string[] = [];
      await database.read((sql) =>
        work((text) => {
          texts.push(text);
          return sql(text);
        }),
      );
      return texts;
    },
    /** How SQLite goes about a statement. https://sqlite.org/eqp.html */
    planOf: (text: string): Promise<string> =>
      database.read((sql) => {
        const values = Array.from(text.matchAll(/\?/g), () => 1);
        const steps = sql<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${text}`).all(...values);
        return steps.map(({ detail }) => detail).join("; ");
      }),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    },
  };
}

function openStore(path: string): SqliteStore {
  return new SqliteStore({ url: path, database: new Database(databaseOptions(path)) });
}

function databaseOptions(path: string) {
  return { path, clock, unavailable: (detail: string) => new Error(detail) };
}

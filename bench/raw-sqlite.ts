import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "celeriac/worker";
import { loadDriver, type Connection, type SqlValue, type Statement } from "../src/adapters/sqlite/driver.ts";
import { LEASED, READY } from "../src/adapters/sqlite/schema.ts";
import { ARGUMENT, openApp } from "./app.ts";
import { startChild } from "./child.ts";
import { idleQuantile, rateOf } from "./scenario.ts";

// The statements of src/adapters/sqlite, less what they ask for the sake of priorities, delays, lost leases and second runs.
const INSERT = "INSERT INTO messages (state, due_at, queue, rank, since, head, body) VALUES (?, ?, ?, ?, ?, ?, ?)";
const SELECT = `SELECT id, queue, deliveries, fence, head, body FROM messages WHERE queue = ? AND state = ${READY} ORDER BY rank, since, id LIMIT ?`;
const CLAIM = `UPDATE messages SET state = ${LEASED}, due_at = ?, deliveries = deliveries + 1, fence = fence + 1 WHERE id = ?`;
const STORE = "INSERT OR REPLACE INTO results (task_id, state, expires_at, meta) VALUES (?, ?, ?, ?)";
const ACK = "DELETE FROM messages WHERE id = ? AND fence = ?";

const QUEUE = "celery";
const LEASE_MS = 20_000;
const DAY_MS = 86_400_000;

/** The least that the same library must write to send: one row each, `width` to a durable transaction. */
export async function rawSend(directory: string, count: number, width: number): Promise<number> {
  const { connection, message } = await openRaw(directory);
  connection.exec("PRAGMA synchronous = FULL");
  const insert = inserter(connection, message);
  const rate = await rateOf(count, () => {
    for (let sent = 0; sent < count; sent += width) {
      connection.exec("BEGIN IMMEDIATE");
      for (let i = 0; i < width; i += 1) insert();
      connection.exec("COMMIT");
    }
  });
  connection.close();
  return rate;
}

/** The least that it must write to drain with results: claim, store durably and delete, `width` to a transaction. */
export async function rawDrain(directory: string, count: number, width: number): Promise<number> {
  const { connection, message, meta } = await openRaw(directory);
  const insert = inserter(connection, message);
  inTransaction(connection, "NORMAL", () => {
    for (let i = 0; i < count; i += 1) insert();
  });
  // As random as those of tasks: the index over them is written all over the place.
  const taskIds = Array.from({ length: count }, () => randomUUID());
  const claim = claimSome(connection);
  const [store, ack] = [connection.prepare(STORE), connection.prepare(ACK)];
  const rate = await rateOf(count, () => {
    for (let done = 0; done < count; done += width) {
      const claimed = inTransaction(connection, "NORMAL", () => claim(width));
      if (claimed.length !== width) throw drifted(SELECT, claimed.length);
      inTransaction(connection, "FULL", () => {
        for (const i of claimed.keys())
          changeOne(store, STORE, taskIds[done + i] ?? "", "SUCCESS", Date.now() + DAY_MS, meta);
      });
      inTransaction(connection, "NORMAL", () => {
        for (const { id, fence } of claimed) changeOne(ack, ACK, id, fence + 1);
      });
    }
  });
  connection.close();
  return rate;
}

/** From before the insert in this process to after the claim in another that does nothing but look; a quantile of many, in milliseconds. */
export async function rawIdleLatency(directory: string, samples: number, q: number): Promise<number> {
  const { connection, message, path } = await openRaw(directory);
  connection.exec("PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL");
  const insert = inserter(connection, message);
  await using poller = await startChild(fileURLToPath(import.meta.resolve("./raw-poller.ts")), {
    BENCH_DATABASE: path,
  });
  const latency = await idleQuantile(samples, q, async () => {
    const sentAt = process.hrtime.bigint();
    insert();
    return Number(BigInt(await poller.line()) - sentAt) / 1e6;
  });
  connection.close();
  return latency;
}

interface Claimed {
  readonly id: number;
  readonly fence: number;
}

/** Takes up to `max` messages, and gives them as they were before. */
export function claimSome(connection: Connection): (max: number) => readonly Claimed[] {
  const [select, claim] = [connection.prepare(SELECT), connection.prepare(CLAIM)];
  return (max) => {
    const rows = select.all(QUEUE, max) as Claimed[];
    for (const { id } of rows) changeOne(claim, CLAIM, Date.now() + LEASE_MS, id);
    return rows;
  };
}

/** A file with Celeriac's own tables, and what Celeriac itself wrote there of one task: raw contenders write as many bytes. */
interface RawFile {
  readonly path: string;
  readonly connection: Connection;
  readonly message: MessageRow;
  readonly meta: string;
}

interface MessageRow {
  readonly rank: number;
  readonly head: string;
  readonly body: Uint8Array;
}

async function openRaw(directory: string): Promise<RawFile> {
  const path = join(directory, "bench.db");
  const { app, task } = openApp(directory);
  const result = await task.delay(ARGUMENT);
  const connection = loadDriver().open(path);
  connection.exec("PRAGMA cache_size = -16384");
  const message = connection.prepare("SELECT rank, head, body FROM messages").get() as MessageRow;
  const worker = new Worker(app);
  await worker.start();
  await result.get({ timeoutMs: 10_000 });
  await worker.stop();
  await app.close();
  const { meta } = connection.prepare("SELECT meta FROM results").get() as { readonly meta: string };
  return { path, connection, message, meta };
}

function inserter(connection: Connection, { rank, head, body }: MessageRow): () => void {
  const insert = connection.prepare(INSERT);
  return () => {
    const now = Date.now();
    changeOne(insert, INSERT, READY, now, QUEUE, rank, now, head, body);
  };
}

function inTransaction<T>(connection: Connection, synchronous: "FULL" | "NORMAL", work: () => T): T {
  connection.exec(`PRAGMA synchronous = ${synchronous}; BEGIN IMMEDIATE`);
  const result = work();
  connection.exec("COMMIT");
  return result;
}

function changeOne(statement: Statement<unknown>, sql: string, ...values: readonly SqlValue[]): void {
  const { changes } = statement.run(...values);
  if (Number(changes) !== 1) throw drifted(sql, changes);
}

/** A statement that does nothing is soon done: it would make a fine limit. */
function drifted(sql: string, rows: number | bigint): Error {
  return new Error(`bench/raw-sqlite.ts no longer fits the schema: ${String(rows)} rows for ${sql}`);
}

import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "celeriac/worker";
import { loadDriver, type Connection, type SqlValue, type Statement } from "../../src/adapters/sqlite/driver.ts";
import { LEASED, READY } from "../../src/adapters/sqlite/schema.ts";
import { timeOrderedUuid } from "../../src/util/time-ordered-uuid.ts";
import { openApp } from "../celeriac/app.ts";
import { startChild } from "../child.ts";
import {
  ARGUMENT,
  type Contender,
  type DrainLoad,
  type Figures,
  type Place,
  type SendLoad,
  type Synchronous,
} from "../contender.ts";
import { idleQuantiles, msUntil, rateOf, warmRateOf } from "../load.ts";
import { fileIn, sqliteFile } from "./file.ts";

// The statements of src/adapters/sqlite, less what they ask for the sake of priorities, delays, lost leases and second runs.
const INSERT =
  "INSERT INTO messages (state, due_at, fence, queue, rank, since, head, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const SELECT = `SELECT id, queue, deliveries, fence, head, body FROM messages WHERE queue = ? AND state = ${READY} ORDER BY rank, since, id LIMIT ?`;
const CLAIM = `UPDATE messages SET state = ${LEASED}, due_at = ?, deliveries = deliveries + 1, fence = fence + 1 WHERE id = ?`;
const STORE = "INSERT OR IGNORE INTO results (task_id, state, fence, expires_at, meta) VALUES (?, ?, ?, ?, ?)";
const ACK = "DELETE FROM messages WHERE id = ? AND fence = ?";

const QUEUE = "celery";
const LEASE_MS = 20_000;
const DAY_MS = 86_400_000;
/** Rows to a transaction where nothing else is said. */
const WIDTH = 100;

/** The least that the same library must do: the same rows, in a loop that does nothing else. */
export const rawSqlite: Contender = {
  name: "raw SQLite",
  measurements: { send, sendBatches, drain, idleLatency, growth, room },
};

async function send({ directory }: Place, { count, inFlight, synchronous = "full" }: SendLoad): Promise<Figures> {
  await using file = await openRaw(directory);
  return {
    rate: await warmRateOf(count, (some) => insertAll(file, some, inFlight, synchronous)),
  };
}

async function sendBatches({ directory }: Place, { count, size }: { count: number; size: number }): Promise<Figures> {
  await using file = await openRaw(directory);
  return { rate: await warmRateOf(count, (some) => insertAll(file, some, size, "full")) };
}

async function drain(
  { directory }: Place,
  { waiting, concurrency, keepsResults, synchronous = "full" }: DrainLoad,
): Promise<Figures> {
  await using file = await openRaw(directory);
  insertAll(file, waiting, WIDTH, "normal");
  const now = Date.now();
  const results = keepsResults && {
    synchronous,
    taskIds: Array.from({ length: waiting }, (_, i) => timeOrderedUuid(now + i / WIDTH)),
  };
  const cpu = process.cpuUsage();
  const rate = await rateOf(waiting, () => drainAll(file, waiting, concurrency, results));
  const { user, system } = process.cpuUsage(cpu);
  return { rate, cpu: (user + system) / waiting };
}

/** From before the insert in this process to after the claim in another that does nothing but look. */
async function idleLatency({ directory }: Place, { samples }: { samples: number }): Promise<Figures> {
  await using file = await openRaw(directory);
  file.connection.exec("PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL");
  const insert = inserter(file);
  const program = fileURLToPath(import.meta.resolve("./raw-poller.ts"));
  await using poller = await startChild(program, { BENCH_DATABASE: file.path });
  return await idleQuantiles(samples, async () => {
    const sentAt = process.hrtime.bigint();
    insert();
    return msUntil(await poller.line(), sentAt);
  });
}

async function growth(
  { directory }: Place,
  { waiting, drained }: { waiting: number; drained: number },
): Promise<Figures> {
  await using file = await openRaw(directory);
  insertAll(file, waiting, WIDTH, "normal");
  const sent = await rateOf(drained, () => insertAll(file, drained, WIDTH, "full"));
  const done = await rateOf(drained, () => drainAll(file, drained, WIDTH, false));
  return { send: sent, drain: done };
}

async function room({ directory }: Place, { waiting }: { waiting: number }): Promise<Figures> {
  await using file = await openRaw(directory);
  insertAll(file, waiting, WIDTH, "normal");
  const full = sizeOf(file);
  drainAll(file, waiting, WIDTH, false);
  file.connection.exec("PRAGMA incremental_vacuum");
  return { waiting: full / waiting, after: sizeOf(file) / 2 ** 20 };
}

function insertAll(file: RawFile, count: number, width: number, synchronous: Synchronous): void {
  const insert = inserter(file);
  file.connection.exec(`PRAGMA synchronous = ${synchronous}`);
  for (let sent = 0; sent < count; sent += width) {
    inTransaction(file, undefined, () => {
      for (let i = 0; i < width; i += 1) insert();
    });
  }
}

/** Claim, store and delete, `width` to a transaction; what is deleted and what is claimed next is one. */
function drainAll(file: RawFile, count: number, width: number, results: RawResults | false): void {
  const { connection, meta } = file;
  const claim = claimSome(connection);
  const [store, ack] = [connection.prepare(STORE), connection.prepare(ACK)];
  let claimed: readonly Claimed[] = [];
  for (let done = 0; done < count + width; done += width) {
    const wanted = Math.max(0, Math.min(width, count - done));
    claimed = inTransaction(file, "normal", () => {
      for (const { id, fence } of claimed) changeOne(ack, ACK, id, fence + 1);
      return claim(wanted);
    });
    if (claimed.length !== wanted) throw drifted(SELECT, claimed.length);
    if (!results || claimed.length === 0) continue;
    inTransaction(file, results.synchronous, () => {
      for (const [i, { fence }] of claimed.entries()) {
        changeOne(store, STORE, results.taskIds[done + i] ?? "", "SUCCESS", fence + 1, Date.now() + DAY_MS, meta);
      }
    });
  }
}

interface RawResults {
  readonly synchronous: Synchronous;
  readonly taskIds: readonly string[];
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
interface RawFile extends AsyncDisposable {
  readonly path: string;
  readonly connection: Connection;
  readonly begin: Statement<unknown>;
  readonly commit: Statement<unknown>;
  readonly message: MessageRow;
  readonly meta: string;
}

interface MessageRow {
  readonly rank: number;
  readonly head: string;
  readonly body: Uint8Array;
}

async function openRaw(directory: string): Promise<RawFile> {
  const path = fileIn(directory);
  const { app, task } = openApp(sqliteFile.urlOf({ directory }));
  const result = await task.delay(ARGUMENT);
  const connection = loadDriver().open(path);
  connection.exec("PRAGMA cache_size = -4096");
  const message = connection.prepare("SELECT rank, head, body FROM messages").get() as MessageRow;
  const worker = new Worker(app);
  await worker.start();
  await result.get({ timeoutMs: 10_000 });
  await worker.stop();
  await app.close();
  const { meta } = connection.prepare("SELECT meta FROM results").get() as { readonly meta: string };
  const [begin, commit] = [connection.prepare("BEGIN IMMEDIATE"), connection.prepare("COMMIT")];
  const close = async (): Promise<void> => void connection.close();
  return { path, connection, begin, commit, message, meta, [Symbol.asyncDispose]: close };
}

function inserter({ connection, message: { rank, head, body } }: RawFile): () => void {
  const insert = connection.prepare(INSERT);
  return () => {
    const now = Date.now();
    changeOne(insert, INSERT, READY, now, now * 1_000, QUEUE, rank, now, head, body);
  };
}

function inTransaction<T>(
  { connection, begin, commit }: RawFile,
  synchronous: Synchronous | undefined,
  work: () => T,
): T {
  if (synchronous !== undefined) connection.exec(`PRAGMA synchronous = ${synchronous}`);
  begin.run();
  const result = work();
  commit.run();
  return result;
}

function changeOne(statement: Statement<unknown>, sql: string, ...values: readonly SqlValue[]): void {
  const { changes } = statement.run(...values);
  if (Number(changes) !== 1) throw drifted(sql, changes);
}

/** A statement that does nothing is soon done: it would make a fine limit. */
function drifted(sql: string, rows: number | bigint): Error {
  return new Error(`bench/sqlite/raw-sqlite.ts no longer fits the schema: ${String(rows)} rows for ${sql}`);
}

/** With all of the log written back into it, in bytes. */
function sizeOf({ connection, path }: RawFile): number {
  connection.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return statSync(path).size;
}

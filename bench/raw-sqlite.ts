import { join } from "node:path";
import { Celeriac } from "celeriac";
import { loadDriver, type Connection } from "../src/adapters/sqlite/driver.ts";
import { rateOf } from "./scenario.ts";

/** As many bytes as Celeriac's own row has for the same task. */
const HEAD = "h".repeat(780);
const BODY = new TextEncoder().encode("b".repeat(110));
const META = "m".repeat(230);

const INSERT = "INSERT INTO messages (state, due_at, queue, rank, head, body) VALUES (2, ?, 'celery', 0, ?, ?)";
const SELECT =
  "SELECT id, head, body FROM messages WHERE queue = 'celery' AND state IN (2, 3) ORDER BY rank, id LIMIT ?";
const CLAIM = "UPDATE messages SET state = 4, due_at = ?, deliveries = deliveries + 1, fence = fence + 1 WHERE id = ?";
const RESULT = "INSERT INTO results (task_id, state, expires_at, meta) VALUES (?, 'SUCCESS', ?, ?)";
const ACK = "DELETE FROM messages WHERE id = ? AND fence = 1 AND state = 4";

/** The least that the same library must write to send: one row each, `width` to a durable transaction. */
export async function rawSend(directory: string, count: number, width: number): Promise<number> {
  const database = await openRaw(directory);
  database.exec("PRAGMA synchronous = FULL");
  const insert = database.prepare(INSERT);
  const rate = await rateOf(count, () => {
    for (let sent = 0; sent < count; sent += width) {
      database.exec("BEGIN IMMEDIATE");
      for (let i = 0; i < width; i += 1) insert.run(Date.now(), HEAD, BODY);
      database.exec("COMMIT");
    }
  });
  database.close();
  return rate;
}

/** The least that it must write to drain with results: claim, store durably and delete, `width` to a transaction. */
export async function rawDrain(directory: string, count: number, width: number): Promise<number> {
  const database = await openRaw(directory);
  const [insert, select, claim, result, ack] = [INSERT, SELECT, CLAIM, RESULT, ACK].map((sql) => database.prepare(sql));
  database.exec("BEGIN IMMEDIATE");
  for (let i = 0; i < count; i += 1) insert?.run(Date.now(), HEAD, BODY);
  database.exec("COMMIT");
  const transaction = (synchronous: "FULL" | "NORMAL", work: () => void): void => {
    database.exec(`PRAGMA synchronous = ${synchronous}; BEGIN IMMEDIATE`);
    work();
    database.exec("COMMIT");
  };
  const rate = await rateOf(count, () => {
    for (let done = 0; done < count; done += width) {
      const rows: { readonly id: number }[] = [];
      transaction("NORMAL", () => {
        rows.push(...((select?.all(width) ?? []) as { readonly id: number }[]));
        for (const { id } of rows) claim?.run(Date.now() + 20_000, id);
      });
      transaction("FULL", () => {
        for (const { id } of rows)
          result?.run(`00000000-0000-0000-0000-${String(id).padStart(12, "0")}`, Date.now(), META);
      });
      transaction("NORMAL", () => {
        for (const { id } of rows) ack?.run(id);
      });
    }
  });
  database.close();
  return rate;
}

/** A connection to a file with Celeriac's own tables. */
async function openRaw(directory: string): Promise<Connection> {
  const path = join(directory, "raw.db");
  const app = new Celeriac({ broker: `sqlite:${path}`, resultBackend: `sqlite:${path}` }, { env: {} });
  await (await app.broker()).declare({ queues: [{ name: "celery" }] });
  await app.close();
  const database = loadDriver().open(path);
  database.exec("PRAGMA journal_mode = WAL");
  return database;
}

import { Hono, type Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { BrokerUnavailableError, PublishTimeoutError, type AsyncResult } from "celeriac";
import { app, database, uploads } from "../app.ts";
import { addFile, findFile, removeFile } from "../database/files.ts";
import { DatabaseUnavailableError, inTransaction } from "../database/index.ts";
import { findRun, listResults, listRuns, type Page } from "../database/runs.ts";
import { importResults } from "../tasks/import-results.ts";
import { RequestBody } from "./request-body.ts";
import { runsPage } from "./runs-page.ts";
import { taskStatus } from "./task-status.ts";
import { readUpload, type Upload } from "./upload-request.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const api = new Hono();

api.post("/api/imports", async (c) => {
  const body = new RequestBody(c.req.raw);
  try {
    const { id, task } = await accept(await readUpload(c.req.raw, body));
    const statusUrl = `/api/task/${task.id}`;
    return c.json({ id, task_id: task.id, status_url: statusUrl }, 202, { location: statusUrl });
  } catch (error) {
    await body.discard();
    throw error;
  }
});

api.get("/api/imports/:id", async (c) => {
  const file = await inTransaction(database, (db) => findFile(db, uuidOf(c)));
  return file === undefined ? c.notFound() : c.json(file);
});

api.get("/api/task/:id", async (c) => {
  const id = uuidOf(c);
  const { code, body } = taskStatus(id, await app.result(id).meta());
  return c.json(body, code);
});

api.get("/api/runs", async (c) => {
  const page = pageOf(c);
  return c.json({ runs: await inTransaction(database, (db) => listRuns(db, page)), ...page });
});

api.get("/api/runs/:id", async (c) => {
  const [id, page] = [uuidOf(c), pageOf(c)];
  return inTransaction(database, async (db) => {
    const run = await findRun(db, id);
    return run === undefined ? c.notFound() : c.json({ ...run, results: await listResults(db, id, page), ...page });
  });
});

api.get("/", async (c) =>
  c.html(runsPage(await inTransaction(database, (db) => listRuns(db, { limit: 100, offset: 0 })))),
);

api.notFound((c) => c.json({ error: "There is nothing here." }, 404));

api.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  if (isPassing(error)) return c.json({ error: `Try again later: ${error.message}` }, 503, { "retry-after": "5" });
  if (c.req.raw.signal.aborted) return c.json({ error: "The client left." }, 400);
  console.error(error);
  return c.json({ error: "Something went wrong here." }, 500);
});

/**
 * Keeps an upload and sends its import. When it rejects, the client may send it again, and nothing is kept: except where
 * nobody knows whether the broker has the message, which `sync_aborted_runs` then sets right.
 */
async function accept({ name, bytes }: Upload): Promise<{ readonly id: string; readonly task: AsyncResult }> {
  const { id, size } = await uploads.save(bytes);
  try {
    await inTransaction(database, (db) => addFile(db, { id, name, bytes: size }));
    return { id, task: await importResults.delay(id) };
  } catch (error) {
    if (!(error instanceof PublishTimeoutError)) await withdraw(id);
    throw error;
  }
}

async function withdraw(id: string): Promise<void> {
  await uploads.remove(id);
  await inTransaction(database, (db) => removeFile(db, id));
}

function isPassing(error: Error): boolean {
  return [BrokerUnavailableError, PublishTimeoutError, DatabaseUnavailableError].some(
    (passing) => error instanceof passing,
  );
}

function uuidOf(c: Context): string {
  const id = c.req.param("id") ?? "";
  if (!UUID.test(id)) throw new HTTPException(400, { message: "The id must be a UUID." });
  return id.toLowerCase();
}

function pageOf(c: Context): Page {
  return {
    limit: countOf(c, "limit", { most: 1_000, fallback: 100 }),
    offset: countOf(c, "offset", { most: 2 ** 31 - 1, fallback: 0 }),
  };
}

function countOf(
  c: Context,
  name: string,
  { most, fallback }: { readonly most: number; readonly fallback: number },
): number {
  const text = c.req.query(name);
  if (text === undefined) return fallback;
  const count = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= most))
    throw new HTTPException(400, { message: `${name} must be a whole number up to ${String(most)}.` });
  return count;
}

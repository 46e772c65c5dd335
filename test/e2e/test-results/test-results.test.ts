import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import pg from "pg";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addRun, type RunRow } from "../../../examples/test-results/database/runs.ts";
import type { ImportOutcome } from "../../../examples/test-results/import/import-file.ts";
import { readSample, SAMPLE_REPORTS } from "../../../examples/test-results/start/sample-reports.ts";
import { loadDriver } from "../../../src/adapters/sqlite/driver.ts";
import { runCli, type WorkerProcess } from "../../support/cli.ts";
import { eventually } from "../../support/eventually.ts";
import { CuttableProxy } from "./cuttable-proxy.ts";
import { APP, TestResultsSystem, type Upload } from "./system.ts";

const DAY_MS = 24 * 60 * 60_000;

describe("importing", () => {
  let system: TestResultsSystem;
  beforeAll(async () => {
    system = await TestResultsSystem.start();
    await system.work("-c", "4");
  });
  afterAll(() => system[Symbol.asyncDispose]());

  it.each(SAMPLE_REPORTS)("$file, as a real test runner wrote it", async ({ file, runs }) => {
    const { code, body, file: row } = await system.import(await sample(file), file);
    expect({ code, state: body.state }).toEqual({ code: 200, state: "SUCCESS" });
    const { runs: stored } = body.result as ImportOutcome;
    expect(stored).toMatchObject(runs.map((run) => ({ ...run, duplicate: false })));
    expect(row).toMatchObject({ state: "imported", reason: null, name: file });
    for (const { run_id } of stored) {
      const run = await system.get<RunRow & { results: unknown[] }>(`/api/runs/${run_id}?limit=1000`);
      expect(run.results).toHaveLength(run.tests);
    }
  });

  it("finds the same run when the same report comes again, packed in another way and many times at once", async () => {
    const xml = suiteOf(300, "twice");
    const first = await system.import(xml);
    const [run] = (first.body.result as ImportOutcome).runs;
    const before = await system.counts();
    const packings = [xml, gzipSync(xml), await archiveOf({ "a.xml": xml, "b.xml": xml }), xml, gzipSync(xml)];
    const again = await Promise.all(packings.map((report) => system.import(report)));
    for (const found of again.flatMap(({ body }) => (body.result as ImportOutcome).runs)) {
      expect(found).toMatchObject({ run_id: run?.run_id, duplicate: true });
    }
    expect(await system.counts()).toEqual({ ...before, files: before.files + packings.length });
  });

  it("makes one run of a new report that comes four times at once", async () => {
    const xml = suiteOf(500, "four at once");
    const before = await system.counts();
    const all = await Promise.all([1, 2, 3, 4].map(() => system.import(xml)));
    const runs = all.flatMap(({ body }) => (body.result as ImportOutcome).runs);
    expect(new Set(runs.map(({ run_id }) => run_id)).size).toBe(1);
    expect(runs.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await system.counts()).toEqual({
      files: before.files + 4,
      runs: before.runs + 1,
      results: before.results + 500,
    });
  });

  it.each([
    ["a malformed report", "<testsuites><testsuite><testcase/></testsuites>", /not well-formed XML: 1:/],
    ["a truncated report", suiteOf(5_000, "cut").slice(0, 200_000), /unclosed tag|unexpected end/],
    ["a truncated gzip", gzipSync(suiteOf(5_000, "cut")).subarray(0, 10_000), /cannot be decompressed/],
    ["an entity bomb", entityBomb(), /DOCTYPE/],
    ["some other XML", "<project/>", /<project> is not the root of a JUnit report/],
    ["a report in Latin 1", Buffer.from('<testsuite name="caf\xe9"/>', "latin1"), /not valid UTF-8/],
    ["gzip of no XML", gzipSync("hello"), /not well-formed/],
  ])("refuses %s, says why, and leaves nothing", async (_what, report, reason) => {
    const before = await system.counts();
    const { code, body, file } = await system.import(report);
    expect({ code, state: body.state }).toEqual({ code: 203, state: "FAILURE" });
    expect(body.error?.type).toMatch(/^(InvalidReport|NotAReport)Error$/);
    expect(body.error?.message).toMatch(reason);
    expect(body.traceback?.[0]).toContain("ReportError: ");
    expect(file).toMatchObject({ state: "failed", reason: body.error?.message });
    expect(await system.counts()).toEqual({ ...before, files: before.files + 1 });
  });

  it("refuses an archive as a whole when one of its reports is broken, and names that one", async () => {
    const before = await system.counts();
    const broken = suiteOf(50, "broken").slice(0, 1_000);
    const entries = { "good.xml": suiteOf(50, "good"), "pom.xml": "<project/>", "broken.xml": broken };
    const { body } = await system.import(await archiveOf(entries));
    expect(body.error?.message).toMatch(/^broken\.xml: The report is not well-formed/);
    expect(await system.counts()).toEqual({ ...before, files: before.files + 1 });
  });

  it("reads pages of runs and results", async () => {
    const { body } = await system.import(suiteOf(10, "paged"));
    const [run] = (body.result as ImportOutcome).runs;
    const { results } = await system.get<{ results: { name: string }[] }>(
      `/api/runs/${run?.run_id ?? ""}?limit=2&offset=3`,
    );
    expect(results.map(({ name }) => name)).toEqual(["test 3", "test 4"]);
    expect((await system.get<{ runs: unknown[] }>("/api/runs?limit=1")).runs).toHaveLength(1);
  });
});

describe("what the API answers", () => {
  let system: TestResultsSystem;
  beforeAll(async () => {
    system = await TestResultsSystem.start();
  });
  afterAll(() => system[Symbol.asyncDispose]());

  it("202 with where to look, and 206 until a worker comes", async () => {
    const response = await system.upload(suiteOf(1, "waiting"));
    expect(response.status).toBe(202);
    const { status_url, task_id } = await system.accepted(response);
    expect(response.headers.get("location")).toBe(status_url);
    const status = await fetch(system.url + status_url);
    expect([status.status, await status.json()]).toEqual([206, { id: task_id, state: "PENDING" }]);
  });

  it("202 to a form with one file, as curl -F sends it", async () => {
    const form = new FormData();
    form.set("file", new Blob([suiteOf(1, "form")]), "../a\u0007b.xml");
    const { id } = await system.accepted(await system.upload(form));
    expect(await system.get(`/api/imports/${id}`)).toMatchObject({ name: "../ab.xml", state: "pending" });
  });

  it.each<[string, number, Upload]>([
    ["nothing", 400, ""],
    ["a form without a file", 400, formOf()],
    ["a form with two files", 400, formOf("<a/>", "<b/>")],
    ["plain text", 415, "hello"],
    ["a PNG", 415, Buffer.from("89504e470d0a1a0a", "hex")],
    ["151 MB that do not say so beforehand", 413, spaces(151)],
    ["a form of 17 MB", 413, formOf(" ".repeat(17 * 1024 ** 2))],
  ])("to %s: %i, and keeps nothing", async (_what, status, body) => {
    const before = [await system.counts(), await system.storedUploads()];
    const response = await system.upload(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: expect.any(String) as string });
    expect([await system.counts(), await system.storedUploads()]).toEqual(before);
  });

  it("400 to a form that is none", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    const response = await fetch(`${system.url}/api/imports`, { method: "POST", body: "no form", headers });
    expect(response.status).toBe(400);
  });

  it("nothing to a client that leaves half-way, and keeps nothing", async () => {
    const before = [await system.counts(), await system.storedUploads()];
    const leaving = new AbortController();
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of spaces(3)) yield chunk;
      leaving.abort(new Error("gone"));
      yield Buffer.from(" ");
    };
    const body = ReadableStream.from(endless());
    const init = { method: "POST", body, duplex: "half", signal: leaving.signal } as RequestInit;
    await expect(fetch(`${system.url}/api/imports`, init)).rejects.toThrow("gone");
    await eventually(async () => expect([await system.counts(), await system.storedUploads()]).toEqual(before));
  });

  it.each([
    ["/api/task/42", 400],
    ["/api/runs/x", 400],
    ["/api/runs?limit=9999", 400],
    ["/api/runs?offset=-1", 400],
    ["/api/runs/00000000-0000-4000-8000-000000000000", 404],
    ["/api/imports/00000000-0000-4000-8000-000000000000", 404],
    ["/api/task/00000000-0000-4000-8000-000000000000", 206],
    ["/nowhere", 404],
    ["/", 200],
  ])("%s: %i", async (path, status) => {
    expect((await fetch(system.url + path)).status).toBe(status);
  });

  it("503 when the broker is away, and keeps nothing", async () => {
    await using away = await TestResultsSystem.start({ env: { CELERY_BROKER_URL: "sqlite:/nowhere/at/all.db" } });
    const response = await away.upload(suiteOf(1, "unsent"));
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect([await away.counts(), await away.storedUploads()]).toEqual([{ files: 0, runs: 0, results: 0 }, []]);
  });

  it("503 when the broker does not answer in time, and keeps what the broker may have been told of", async () => {
    await using slow = await TestResultsSystem.start();
    await slow.accepted(await slow.upload(suiteOf(1, "connected")));
    const locked = loadDriver().open(slow.brokerFile);
    locked.exec("BEGIN IMMEDIATE");
    const response = await slow.upload(suiteOf(2, "perhaps"));
    locked.close();
    expect(response.status).toBe(503);
    const stored = await slow.storedUploads();
    expect([await slow.counts(), stored.length]).toEqual([{ files: 2, runs: 0, results: 0 }, 2]);
    await slow.sql`UPDATE files SET created_at = ${daysAgo(0.5)}`;
    await slow.work();
    await slow.call("sync_aborted_runs");
    await eventually(async () => expect(await slow.counts()).toEqual({ files: 2, runs: 2, results: 3 }), {
      timeoutMs: 10_000,
    });
  });

  it("a page of the runs, with nothing of theirs taken for markup", async () => {
    await system.transaction((db) => addRun(db, runCalled("<script>alert(1)</script>")));
    const page = await (await fetch(`${system.url}/`)).text();
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).not.toContain("<script>");
  });
});

describe("a report of 100 MB", () => {
  it("is imported in bounded memory", async () => {
    await using system = await TestResultsSystem.start();
    const worker = await system.work("-c", "1");
    await system.import(suiteOf(1_000, "warm-up"));
    const before = await residentMegabytes(worker);
    let highest = before;
    let isDone = false;
    const watch = (async () => {
      while (!isDone) highest = Math.max(highest, await residentMegabytes(worker));
    })();
    const { body } = await system.import(hugeReport(100), "huge.xml", 120_000);
    isDone = true;
    await watch;
    const [run] = (body.result as ImportOutcome).runs;
    expect(run?.tests).toBeGreaterThan(50_000);
    expect((await system.counts()).results).toBe((run?.tests ?? 0) + 1_000);
    expect(highest - before).toBeLessThan(200);
  }, 180_000);
});

describe("a worker that is killed in the middle of an import", () => {
  it("leaves nothing, and the next worker makes exactly one complete run", async () => {
    await using system = await TestResultsSystem.start();
    const doomed = await system.work();
    const report = suiteOf(150_000, "interrupted");
    const { status_url } = await system.accepted(await system.upload(gzipSync(report)));
    await eventually(async () => {
      const { state } = await system.get<{ state: string }>(status_url);
      expect(state).toBe("STARTED");
    });
    doomed.signal("SIGKILL");
    await doomed.exit;
    expect(await system.counts()).toEqual({ files: 1, runs: 0, results: 0 });

    await system.work();
    const { body } = await system.ended(status_url, 90_000);
    expect((body.result as ImportOutcome).runs).toMatchObject([{ tests: 150_000, duplicate: false }]);
    expect(await system.counts()).toEqual({ files: 1, runs: 1, results: 150_000 });
  }, 150_000);
});

const POSTGRES = process.env["CELERIAC_TEST_POSTGRES_URL"];

describe.each([
  { name: "SQLite", makeDatabase: embeddedDatabase, isLeftOut: false },
  {
    name: "PostgreSQL (CELERIAC_TEST_POSTGRES_URL)",
    makeDatabase: postgresDatabase,
    isLeftOut: POSTGRES === undefined,
  },
])("on $name", ({ makeDatabase, isLeftOut }) => {
  describe.skipIf(isLeftOut)("the system", () => {
    let database: TestDatabase;
    let system: TestResultsSystem;
    beforeAll(async () => {
      database = await makeDatabase();
      system = await TestResultsSystem.start(database);
      await system.work();
    });
    afterAll(async () => {
      await system[Symbol.asyncDispose]();
      await database.drop();
    });

    it("imports, knows duplicates, and leaves nothing of a broken report", async () => {
      const before = await system.counts();
      const xml = suiteOf(1_000, "thrice");
      const all = await Promise.all([1, 2, 3].map(() => system.import(xml)));
      expect(new Set(all.map(({ body }) => (body.result as ImportOutcome).runs[0]?.run_id)).size).toBe(1);
      const { file } = await system.import(xml.slice(0, -20));
      expect(file).toMatchObject({ state: "failed", reason: expect.stringContaining("not well-formed") as string });
      expect(await system.counts()).toEqual({
        files: before.files + 4,
        runs: before.runs + 1,
        results: before.results + 1_000,
      });
    });

    it("prune_old_files deletes old uploads with their bytes, and leaves their runs", async () => {
      const { file, run } = await importAged(system, 100);
      const young = await importAged(system, 80);
      await system.call("prune_old_files", 3);
      const stored = await system.storedUploads();
      expect([stored.includes(file), stored.includes(young.file)]).toEqual([false, true]);
      expect(await system.sql`SELECT file_id FROM runs WHERE id = ${run}`).toEqual([{ file_id: null }]);
      expect((await fetch(`${system.url}/api/imports/${file}`)).status).toBe(404);
    });

    it("prune_old_results deletes old results, and leaves the runs and their counts", async () => {
      const { run } = await importAged(system, 160);
      const young = await importAged(system, 140);
      expect(await system.call("prune_old_results", 5)).toBeGreaterThanOrEqual(7);
      expect(await system.get(`/api/runs/${run}`)).toMatchObject({ tests: 7, results: [] });
      expect((await system.get<{ results: unknown[] }>(`/api/runs/${young.run}`)).results).toHaveLength(7);
    });

    it("prune_old_runs deletes old runs with their results", async () => {
      const { run } = await importAged(system, 370);
      const young = await importAged(system, 350);
      expect(await system.call("prune_old_runs", 12)).toBeGreaterThanOrEqual(1);
      expect((await fetch(`${system.url}/api/runs/${run}`)).status).toBe(404);
      expect((await fetch(`${system.url}/api/runs/${young.run}`)).status).toBe(200);
      expect(await system.sql`SELECT name FROM results WHERE run_id = ${run}`).toEqual([]);
    });

    it("prunes nothing when the months make no sense", async () => {
      for (const months of [0, -1, 1.5, "3", null])
        await expect(system.call("prune_old_runs", months)).rejects.toThrow(/months|argument/i);
    });

    it("sync_aborted_runs recounts runs that lost results", async () => {
      const { run } = await importAged(system, 0);
      await system.sql`DELETE FROM results WHERE run_id = ${run} AND position < 2`;
      expect(await system.call("sync_aborted_runs")).toMatchObject({ recounted: 1 });
      expect(await system.get(`/api/runs/${run}`)).toMatchObject({ tests: 5, failures: 1 });
      expect(await system.call("sync_aborted_runs")).toMatchObject({ recounted: 0 });
    });

    it("sync_aborted_runs sends an import again that never came", async () => {
      const { file, run } = await importAged(system, 0);
      await system.sql`DELETE FROM runs WHERE id = ${run}`;
      await system.sql`UPDATE files SET state = 'pending', created_at = ${daysAgo(0.5)} WHERE id = ${file}`;
      expect(await system.call("sync_aborted_runs")).toMatchObject({ resent: 1 });
      await eventually(
        async () => expect(await system.get(`/api/imports/${file}`)).toMatchObject({ state: "imported" }),
        { timeoutMs: 10_000 },
      );
      expect(await system.call("sync_aborted_runs")).toMatchObject({ resent: 0 });
    });
  });
});

describe.skipIf(POSTGRES === undefined)("a database that goes away (CELERIAC_TEST_POSTGRES_URL)", () => {
  it("is waited for by the import, which then makes exactly one complete run", async () => {
    const database = await postgresDatabase();
    await using proxy = await CuttableProxy.start(database.env["DATABASE_URL"] ?? "");
    const system = await TestResultsSystem.start({ env: { DATABASE_URL: proxy.url } });
    try {
      await system.work();
      const { status_url } = await system.accepted(await system.upload(gzipSync(suiteOf(100_000, "cut off"))));
      const isNow = async (state: string): Promise<void> =>
        eventually(async () => expect(await system.get(status_url)).toMatchObject({ state }));
      await isNow("STARTED");
      proxy.cut();
      await isNow("RETRY");
      proxy.mend();
      const { body } = await system.ended(status_url, 60_000);
      expect((body.result as ImportOutcome).runs).toMatchObject([{ tests: 100_000, duplicate: false }]);
      expect(await system.counts()).toEqual({ files: 1, runs: 1, results: 100_000 });
    } finally {
      await system[Symbol.asyncDispose]();
      await database.drop();
    }
  }, 120_000);
});

describe("a worker without its database", () => {
  it("does not start, and says why", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "celeriac-"));
    const env = { DATABASE_URL: "postgres://app:hush@127.0.0.1:1/none", DATABASE_PATIENCE_MS: "100" };
    const { code, stderr } = await runCli(["-A", APP, "worker"], { cwd, env });
    await rm(cwd, { recursive: true });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/boot\.ts could not be imported: PostgreSQL is not available/);
    expect(stderr).not.toContain("hush");
  });
});

describe("npm start -- --exit", () => {
  it("shows all of it, with nothing amiss, and leaves no data behind", async () => {
    const temporary = await mkdtemp(join(tmpdir(), "celeriac-"));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--import", "tsx", "examples/test-results/start.ts", "--exit"],
      { env: { ...process.env, NODE_OPTIONS: "", TMPDIR: temporary } },
    );
    expect(stdout).toMatch(/6 uploads, 5 runs, 1257 results, 0 problems/);
    expect(stdout).toMatch(/InvalidReportError: The report is not well-formed XML/);
    const left = (await readdir(temporary)).filter((name) => name.startsWith("test-results-"));
    await rm(temporary, { recursive: true });
    expect(left).toEqual([]);
  });
});

interface TestDatabase {
  readonly env: Readonly<Record<string, string>>;
  drop(): Promise<void>;
}

async function embeddedDatabase(): Promise<TestDatabase> {
  return { env: {}, drop: async () => {} };
}

/** A database of its own on the server that the tests were given. */
async function postgresDatabase(): Promise<TestDatabase> {
  const name = `test_results_${randomUUID().replaceAll("-", "")}`;
  const administer = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: POSTGRES });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await administer(`CREATE DATABASE ${name}`);
  const url = new URL(POSTGRES ?? "");
  url.pathname = name;
  return { env: { DATABASE_URL: url.href }, drop: () => administer(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** JUnit XML with `count` tests, the first of which fails in the third place when there are that many. */
function suiteOf(count: number, name: string): string {
  const tests = Array.from({ length: count }, (_none, n) =>
    n === 2
      ? `<testcase classname="${name}" name="test ${String(n)}" time="0.001"><failure message="no">because</failure></testcase>`
      : `<testcase classname="${name}" name="test ${String(n)}" time="0.001"/>`,
  );
  return `<?xml version="1.0"?><testsuite name="${name}">\n${tests.join("\n")}\n</testsuite>`;
}

function runCalled(name: string): Omit<RunRow, "created_at"> {
  const counts = { tests: 0, failures: 0, errors: 0, skipped: 0 };
  const file = { file_id: null, source: "report.xml", started_at: null, duration_ms: 0 };
  return { id: randomUUID(), report_hash: randomUUID(), name, ...file, ...counts };
}

function entityBomb(): string {
  const entities = Array.from(
    { length: 10 },
    (_none, n) => `<!ENTITY l${String(n + 1)} "${`&l${String(n)};`.repeat(10)}">`,
  );
  return `<?xml version="1.0"?><!DOCTYPE b [<!ENTITY l0 "ha">${entities.join("")}]><testsuite name="&l10;"/>`;
}

async function* hugeReport(megabytes: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from('<testsuites><testsuite name="huge">');
  let written = 0;
  for (let n = 0; written < megabytes * 1024 ** 2; n += 100) {
    const block = Buffer.from(Array.from({ length: 100 }, (_none, index) => hugeCase(n + index)).join(""));
    written += block.length;
    yield block;
  }
  yield Buffer.from("</testsuite></testsuites>");
}

function hugeCase(n: number): string {
  const verdict = n % 10 === 0 ? `<failure message="no">${"trace ".repeat(300)}</failure>` : "";
  return `<testcase classname="huge" name="test ${String(n)}" time="0.001">${verdict}<system-out>${"log ".repeat(150)}</system-out></testcase>\n`;
}

async function* spaces(megabytes: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from("<testsuite>");
  for (let n = 0; n < megabytes; n += 1) yield Buffer.alloc(1024 ** 2, " ");
}

function formOf(...files: readonly string[]): FormData {
  const form = new FormData();
  form.set("comment", "no file");
  for (const file of files) form.append("file", new Blob([file]), "r.xml");
  return form;
}

async function sample(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readSample(file));
}

async function archiveOf(entries: Readonly<Record<string, string>>): Promise<Uint8Array<ArrayBuffer>> {
  const archive = pack();
  for (const [name, content] of Object.entries(entries)) archive.entry({ name }, content);
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return new Uint8Array(gzipSync(Buffer.concat(chunks)));
}

let imports = 0;

/** Imports a report of seven tests and makes it and its run so many days old. */
async function importAged(system: TestResultsSystem, days: number): Promise<{ file: string; run: string }> {
  const { file, body } = await system.import(suiteOf(7, `aged ${String(Date.now())} ${String((imports += 1))}`));
  const run = (body.result as ImportOutcome).runs[0]?.run_id ?? "";
  await system.sql`UPDATE files SET created_at = ${daysAgo(days)} WHERE id = ${file.id}`;
  await system.sql`UPDATE runs SET created_at = ${daysAgo(days)} WHERE id = ${run}`;
  return { file: file.id, run };
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString();
}

async function residentMegabytes(worker: WorkerProcess): Promise<number> {
  const status = await readFile(`/proc/${String(worker.pid)}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

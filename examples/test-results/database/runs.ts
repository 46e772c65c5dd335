import type { ResultEvent } from "../junit/index.ts";
import type { Transaction } from "./transaction.ts";

/** One report's run of tests. */
export interface RunRow extends RunCounts {
  readonly id: string;
  /** SHA-256 of the unpacked report: the same report is the same run. */
  readonly report_hash: string;
  /** The upload that brought it; null once that is pruned. */
  readonly file_id: string | null;
  /** The name of the report: the upload's, or its own in an archive. */
  readonly source: string;
  /** What the test runner calls the run. */
  readonly name: string;
  readonly started_at: string | null;
  readonly duration_ms: number;
  readonly created_at: string;
}

export interface RunCounts {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
}

export interface ResultRow {
  readonly run_id: string;
  /** Its place in the report, from 0. */
  readonly position: number;
  readonly suite: string;
  readonly class_name: string;
  readonly name: string;
  readonly outcome: ResultEvent["outcome"];
  readonly duration_ms: number;
  readonly message: string | null;
  readonly details: string | null;
}

export interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** Adds the run, unless one of the same report is there. Returns whether it did. */
export async function addRun(db: Transaction, run: Omit<RunRow, "created_at">): Promise<boolean> {
  const added = await db.sql`
    INSERT INTO runs (id, report_hash, file_id, source, name, started_at, tests, failures, errors, skipped, duration_ms, created_at)
    VALUES (${run.id}, ${run.report_hash}, ${run.file_id}, ${run.source}, ${run.name}, ${run.started_at}, ${run.tests},
      ${run.failures}, ${run.errors}, ${run.skipped}, ${run.duration_ms}, ${new Date().toISOString()})
    ON CONFLICT (report_hash) DO NOTHING
    RETURNING id`;
  return added.length === 1;
}

/** Adds results to a run that may itself be added later in the same transaction. */
export async function addResults(
  db: Transaction,
  runId: string,
  first: number,
  results: readonly ResultEvent[],
): Promise<void> {
  await db.insert(
    "results",
    results.map((result, index) => ({
      run_id: runId,
      position: first + index,
      suite: result.suite,
      class_name: result.className,
      name: result.name,
      outcome: result.outcome,
      duration_ms: result.durationMs,
      message: result.message,
      details: result.details,
    })),
  );
}

export async function removeResults(db: Transaction, runId: string): Promise<void> {
  await db.sql`DELETE FROM results WHERE run_id = ${runId}`;
}

export async function findRun(db: Transaction, id: string): Promise<RunRow | undefined> {
  const [run] = await db.sql<RunRow>`SELECT * FROM runs WHERE id = ${id}`;
  return run;
}

export async function findRunOfReport(db: Transaction, hash: string): Promise<RunRow | undefined> {
  const [run] = await db.sql<RunRow>`SELECT * FROM runs WHERE report_hash = ${hash}`;
  return run;
}

/** Newest first. */
export async function listRuns(db: Transaction, { limit, offset }: Page): Promise<readonly RunRow[]> {
  return db.sql<RunRow>`SELECT * FROM runs ORDER BY created_at DESC, id LIMIT ${limit} OFFSET ${offset}`;
}

/** In the report's order. */
export async function listResults(
  db: Transaction,
  runId: string,
  { limit, offset }: Page,
): Promise<readonly ResultRow[]> {
  return db.sql<ResultRow>`SELECT * FROM results WHERE run_id = ${runId} ORDER BY position LIMIT ${limit} OFFSET ${offset}`;
}

/** Deletes the results of runs imported before `time`; the runs keep their counts. Returns how many. */
export async function removeResultsBefore(db: Transaction, time: Date): Promise<number> {
  const before = time.toISOString();
  const [old] = await db.sql<{ count: number }>`
    SELECT CAST(count(*) AS integer) AS count FROM results WHERE run_id IN (SELECT id FROM runs WHERE created_at < ${before})`;
  await db.sql`DELETE FROM results WHERE run_id IN (SELECT id FROM runs WHERE created_at < ${before})`;
  return old?.count ?? 0;
}

/** Deletes runs imported before `time` with their results. Returns how many. */
export async function removeRunsBefore(db: Transaction, time: Date): Promise<number> {
  const removed = await db.sql`DELETE FROM runs WHERE created_at < ${time.toISOString()} RETURNING id`;
  return removed.length;
}

/** Sets the counts of runs imported since `time` to what their results say, where they differ. Returns how many did. */
export async function recountRunsSince(db: Transaction, time: Date): Promise<number> {
  const wrong = await db.sql<RunCounts & { id: string }>`
    SELECT runs.id AS id,
      CAST(count(results.run_id) AS integer) AS tests,
      CAST(count(CASE outcome WHEN 'failed' THEN 1 END) AS integer) AS failures,
      CAST(count(CASE outcome WHEN 'error' THEN 1 END) AS integer) AS errors,
      CAST(count(CASE outcome WHEN 'skipped' THEN 1 END) AS integer) AS skipped
    FROM runs LEFT JOIN results ON results.run_id = runs.id
    WHERE runs.created_at >= ${time.toISOString()}
    GROUP BY runs.id
    HAVING count(results.run_id) <> runs.tests`;
  for (const { id, tests, failures, errors, skipped } of wrong) {
    await db.sql`
      UPDATE runs SET tests = ${tests}, failures = ${failures}, errors = ${errors}, skipped = ${skipped} WHERE id = ${id}`;
  }
  return wrong.length;
}

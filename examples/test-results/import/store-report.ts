import { createHash, randomUUID, type Hash } from "node:crypto";
import { addResults, addRun, findRunOfReport, removeResults, type RunCounts } from "../database/runs.ts";
import type { Transaction } from "../database/index.ts";
import { parseJUnit } from "../junit/index.ts";
import { RunSummary } from "./run-summary.ts";

export interface Report {
  /** The upload that brought it. */
  readonly fileId: string;
  /** A name for people. */
  readonly source: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What became of a report. */
export interface StoredRun extends RunCounts {
  readonly run_id: string;
  readonly name: string;
  readonly source: string;
  /** Whether the same report had been imported before; the run is then that one. */
  readonly duplicate: boolean;
}

/**
 * Reads a report and stores it as a run, a piece at a time: memory does not grow with the report. Rejects with
 * InvalidReportError, half-way through at times: whoever owns the transaction rolls it back.
 */
export async function storeReport(db: Transaction, { fileId, source, bytes }: Report): Promise<StoredRun> {
  const runId = randomUUID();
  const summary = new RunSummary();
  const hash = createHash("sha256");

  for await (const events of parseJUnit(hashed(bytes, hash))) {
    const stored = summary.counts.tests;
    for (const event of events) summary.add(event);
    await addResults(
      db,
      runId,
      stored,
      events.filter((event) => event.kind === "result"),
    );
  }

  const { name, counts, durationMs, startedAt } = summary;
  const reportHash = hash.digest("hex");
  const isNew = await addRun(db, {
    id: runId,
    report_hash: reportHash,
    file_id: fileId,
    source,
    name,
    started_at: startedAt?.toISOString() ?? null,
    duration_ms: durationMs,
    ...counts,
  });
  if (isNew) return { run_id: runId, name, source, ...counts, duplicate: false };

  await removeResults(db, runId);
  const run = await findRunOfReport(db, reportHash);
  return { run_id: run?.id ?? runId, name, source, ...counts, duplicate: true };
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

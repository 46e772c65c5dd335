import type { FileRow } from "../database/files.ts";
import type { Transaction } from "../database/index.ts";
import { InvalidReportError, NotAReportError } from "../junit/index.ts";
import { unpack, type PackedFile } from "../uploads/index.ts";
import { storeReport, type StoredRun } from "./store-report.ts";

export interface ImportOutcome {
  readonly file_id: string;
  readonly runs: readonly StoredRun[];
  /** How many entries of an archive were no reports. */
  readonly ignored: number;
}

/** Stores every report of an upload. Rejects with InvalidReportError when one of them is broken, or there is none. */
export async function importFile(
  db: Transaction,
  file: FileRow,
  bytes: AsyncIterable<Uint8Array>,
): Promise<ImportOutcome> {
  const runs: StoredRun[] = [];
  let ignored = 0;
  for await (const packed of unpack(bytes)) {
    const run = packed.isReport ? await storePacked(db, file, packed) : undefined;
    if (run === undefined) ignored += 1;
    else runs.push(run);
  }
  if (runs.length === 0) throw new InvalidReportError("The archive holds no JUnit report.");
  return { file_id: file.id, runs, ignored };
}

/** Undefined for an entry that turns out to be some other XML. */
async function storePacked(
  db: Transaction,
  file: FileRow,
  { entry, bytes }: PackedFile,
): Promise<StoredRun | undefined> {
  try {
    return await storeReport(db, { fileId: file.id, source: entry ?? file.name, bytes });
  } catch (error) {
    if (entry === null || !(error instanceof InvalidReportError)) throw error;
    if (error instanceof NotAReportError) return undefined;
    throw new InvalidReportError(`${entry}: ${error.message}`, { cause: error });
  }
}

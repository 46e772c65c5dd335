import { app } from "../app.ts";
import { findFile, markFailed, markImported } from "../database/files.ts";
import { DatabaseUnavailableError } from "../database/index.ts";
import { importFile, type ImportOutcome } from "../import/import-file.ts";
import { InvalidReportError } from "../junit/index.ts";

/** Stores every report in an uploaded file, or none of them. Doing it again changes nothing. */
export const importResults = app.task(
  "test_results.import_results",
  { bind: true, params: ["file_id"], autoretryFor: [DatabaseUnavailableError], retryBackoffMs: 1_000, maxRetries: 8 },
  async (ctx, fileId: string): Promise<ImportOutcome> => {
    const file = await findFile(ctx.db, fileId);
    if (file === undefined) throw new UnknownFileError(fileId);
    try {
      const outcome = await importFile(ctx.db, file, ctx.uploads.read(fileId));
      await markImported(ctx.db, fileId);
      return outcome;
    } catch (error) {
      if (error instanceof InvalidReportError) ctx.db.onRollback((db) => markFailed(db, fileId, error.message));
      throw error;
    }
  },
);

/** The upload was withdrawn or pruned. */
class UnknownFileError extends Error {
  override readonly name = "UnknownFileError";

  constructor(fileId: string) {
    super(`There is no uploaded file ${fileId}.`);
  }
}

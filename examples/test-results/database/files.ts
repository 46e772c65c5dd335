import type { Transaction } from "./transaction.ts";

/** An uploaded file: `pending` until its import ended one way or the other. */
export interface FileRow {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly state: "pending" | "imported" | "failed";
  /** Why the import failed, for the one who sent the file. */
  readonly reason: string | null;
  /** ISO 8601, as are all times here. */
  readonly created_at: string;
}

export async function addFile(db: Transaction, file: Pick<FileRow, "id" | "name" | "bytes">): Promise<void> {
  await db.insert("files", [{ ...file, state: "pending", created_at: new Date().toISOString() }]);
}

export async function findFile(db: Transaction, id: string): Promise<FileRow | undefined> {
  const [file] = await db.sql<FileRow>`SELECT * FROM files WHERE id = ${id}`;
  return file;
}

export async function markImported(db: Transaction, id: string): Promise<void> {
  await db.sql`UPDATE files SET state = 'imported', reason = NULL WHERE id = ${id}`;
}

export async function markFailed(db: Transaction, id: string, reason: string): Promise<void> {
  await db.sql`UPDATE files SET state = 'failed', reason = ${reason} WHERE id = ${id}`;
}

export async function removeFile(db: Transaction, id: string): Promise<void> {
  await db.sql`DELETE FROM files WHERE id = ${id}`;
}

/** Deletes the records and returns their ids. */
export async function removeFilesBefore(db: Transaction, time: Date): Promise<readonly string[]> {
  const files = await db.sql<{ id: string }>`DELETE FROM files WHERE created_at < ${time.toISOString()} RETURNING id`;
  return files.map(({ id }) => id);
}

export async function pendingFiles(
  db: Transaction,
  between: { readonly from: Date; readonly to: Date },
): Promise<readonly string[]> {
  const files = await db.sql<{ id: string }>`
    SELECT id FROM files
    WHERE state = 'pending' AND created_at BETWEEN ${between.from.toISOString()} AND ${between.to.toISOString()}`;
  return files.map(({ id }) => id);
}

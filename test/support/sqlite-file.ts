import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SqliteFile extends AsyncDisposable {
  readonly path: string;
}

/** The path of a database file that does not exist yet, in a directory of its own, which goes with it. */
export async function sqliteFile(): Promise<SqliteFile> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-sqlite-"));
  return {
    path: join(directory, "test.db"),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

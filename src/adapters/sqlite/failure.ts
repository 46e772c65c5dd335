/** What went wrong with the file, for people: what happened, and what to do. */
export interface Failure {
  readonly kind: FailureKind;
  readonly detail: string;
}

type FailureKind = "busy" | "full" | "read-only" | "corrupt" | "not-a-database" | "cannot-open" | "input-output";

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const KINDS: Readonly<Record<number, FailureKind>> = {
  5: "busy",
  6: "busy",
  8: "read-only",
  10: "input-output",
  11: "corrupt",
  13: "full",
  14: "cannot-open",
  26: "not-a-database",
};

const CODES: Readonly<Record<string, number>> = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_NOTADB: 26,
};

const DETAILS: Readonly<Record<FailureKind, string>> = {
  busy: "another process keeps it locked. Nothing was changed. Look for a process that holds a transaction open on this file.",
  full: "the disk is full, or the file may not grow any further. Nothing was changed. Make room; nothing has to be restarted.",
  "read-only":
    "it cannot be written. Nothing was changed. Give this user the right to write the file and its directory.",
  corrupt:
    "the file is damaged. Nothing was changed. Stop all its users, then save what can be saved with: sqlite3 FILE .recover",
  "not-a-database": "the file is no SQLite database. Nothing was changed. Name another file, or move this one away.",
  "cannot-open":
    "the file cannot be opened. Its directory must exist, and this user must have the right to read and write both.",
  "input-output": "the disk failed to read or write. Nothing was changed. Look at the system's log for the disk.",
};

/** The failure that a driver's error stands for; undefined for an error that is not of SQLite's making, or a mistake in our SQL. */
export function explainFailure(error: unknown): Failure | undefined {
  const code = primaryCode(error);
  const kind = code === undefined ? undefined : KINDS[code];
  return kind === undefined ? undefined : { kind, detail: DETAILS[kind] };
}

export function isBusy(error: unknown): boolean {
  return explainFailure(error)?.kind === "busy";
}

/** better-sqlite3 has the extended code's name in `code`, node:sqlite its number in `errcode`. */
function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (typeof errcode === "number") return errcode & 0xff;
  if (typeof code !== "string") return undefined;
  return CODES[/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? ""];
}

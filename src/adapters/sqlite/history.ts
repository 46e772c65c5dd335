import type { DeadLetterReason, DeliveryNote } from "../../broker/broker.ts";
import { withNote } from "../../broker/queued/history.ts";
import type { Sql } from "./shared-database.ts";

/** A note in the `history` column, with its time in ms since the epoch. */
interface StoredNote extends DeadLetterReason {
  readonly at: number;
}

const HISTORY = "SELECT history FROM messages WHERE id = ?";
const REMEMBER = "UPDATE messages SET history = ? WHERE id = ?";

/** Adds a note to a message's history. */
export function noteAt(sql: Sql, id: number, reason: DeadLetterReason, at: number): void {
  const history = sql<{ readonly history: string | null }>(HISTORY).get(id)?.history ?? null;
  sql(REMEMBER).run(historyWith(history, reason, at), id);
}

/** The column with one more note in it. */
export function historyWith(history: string | null, reason: DeadLetterReason, at: number): string {
  const stored = withNote(decodeHistory(history), reason, at).map((note): StoredNote => ({
    ...note,
    at: note.at.getTime(),
  }));
  return JSON.stringify(stored);
}

/** Empty when it cannot be read: a damaged file, or another program's doing. */
export function decodeHistory(history: string | null): readonly DeliveryNote[] {
  if (history === null) return [];
  try {
    const stored = JSON.parse(history) as readonly StoredNote[];
    return stored.map(({ at, code, detail }) => ({ at: new Date(at), code, detail }));
  } catch {
    return [];
  }
}

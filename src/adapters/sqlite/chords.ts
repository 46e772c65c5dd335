import { CLAIM_MS, OVER_MS, placeOf, type ChordMember } from "../../backend/chords.ts";
import type { Sql } from "./shared-database.ts";

const FIND = "SELECT size, joined, claim, claimed_until, is_over FROM chords WHERE id = ?";
const BEGIN = "INSERT OR IGNORE INTO chords (id, expires_at) VALUES (?, ?)";
const RESIZE = "UPDATE chords SET size = ?, claim = NULL, is_over = 0, expires_at = ? WHERE id = ?";
const PROLONG = "UPDATE chords SET expires_at = ? WHERE id = ?";
const COUNT = "UPDATE chords SET joined = joined + 1 WHERE id = ?";
const CLAIM = "UPDATE chords SET claim = ?, claimed_until = ? WHERE id = ?";
const END = "UPDATE chords SET is_over = 1, joined = 0, expires_at = ? WHERE id = ?";
const DELETE_EXPIRED = "DELETE FROM chords WHERE id = ? AND expires_at <= ?";

const ADD_PART = "INSERT OR IGNORE INTO chord_parts (chord, place, task_id, part) VALUES (?, ?, ?, ?)";
const PARTS = "SELECT part FROM chord_parts WHERE chord = ? ORDER BY place, task_id";
const DELETE_PARTS = "DELETE FROM chord_parts WHERE chord = ?";

const PRUNE_PARTS = `
  DELETE FROM chord_parts WHERE rowid IN (
    SELECT chord_parts.rowid FROM chords JOIN chord_parts ON chord = chords.id WHERE chords.expires_at <= ? LIMIT ?)`;
const PRUNE = "DELETE FROM chords WHERE expires_at <= ?";

/** All that is done to a chord counts from one moment, in ms since the epoch. */
interface Moment {
  readonly now: number;
  /** When the chord expires unless more of it comes. */
  readonly expiresAt: number;
}

interface ChordRow {
  readonly size: number | null;
  readonly joined: number;
  readonly claim: string | null;
  readonly claimed_until: number | null;
  readonly is_over: 0 | 1;
}

export function setSize(sql: Sql, chordId: string, size: number, moment: Moment): void {
  findOrBegin(sql, chordId, moment);
  sql(RESIZE).run(size, moment.expiresAt, chordId);
}

/** How a chord stands after a member has joined: its parts, as text, when it is complete and the member's. */
export type Standing = "over" | "waiting" | "claimed" | readonly string[];

export function join(sql: Sql, member: ChordMember, part: string, moment: Moment): Standing {
  const { chordId, taskId, index } = member;
  const chord = findOrBegin(sql, chordId, moment);
  if (chord?.is_over === 1) return "over";
  const isNew = sql(ADD_PART).run(chordId, index ?? Number.MAX_SAFE_INTEGER, taskId, part).changes > 0;
  if (isNew) sql(COUNT).run(chordId);
  const joined = (chord?.joined ?? 0) + (isNew ? 1 : 0);
  if (chord === undefined || chord.size === null || joined < chord.size) return "waiting";
  if (isAnothers(chord, member, moment.now)) return "claimed";
  sql(CLAIM).run(placeOf(member), moment.now + CLAIM_MS, chordId);
  return sql<{ readonly part: string }>(PARTS)
    .all(chordId)
    .map((row) => row.part);
}

export function end(sql: Sql, member: ChordMember, now: number): void {
  const { chordId } = member;
  const chord = sql<ChordRow>(FIND).get(chordId);
  if (chord?.is_over !== 0 || isAnothers(chord, member, now)) return;
  sql(DELETE_PARTS).run(chordId);
  sql(END).run(now + OVER_MS, chordId);
}

/** How many rows were deleted: fewer than `atMost` when nothing is left to delete. */
export function pruneExpiredChords(sql: Sql, now: number, atMost: number): number {
  const deleted = Number(sql(PRUNE_PARTS).run(now, atMost).changes);
  if (deleted < atMost) sql(PRUNE).run(now);
  return deleted;
}

/** The chord as it stands, living on from now; undefined for a new one. */
function findOrBegin(sql: Sql, chordId: string, { now, expiresAt }: Moment): ChordRow | undefined {
  if (sql(DELETE_EXPIRED).run(chordId, now).changes > 0) sql(DELETE_PARTS).run(chordId);
  if (sql(BEGIN).run(chordId, expiresAt).changes > 0) return undefined;
  const chord = sql<ChordRow>(FIND).get(chordId);
  if (chord?.is_over === 0) sql(PROLONG).run(expiresAt, chordId);
  return chord;
}

function isAnothers(chord: ChordRow | undefined, member: ChordMember, now: number): boolean {
  if (chord === undefined || chord.claim === null || chord.claim === placeOf(member)) return false;
  return (chord.claimed_until ?? 0) > now;
}

import { randomUUID } from "node:crypto";
import { CLAIM_MS, FEW, lifeOf, OVER_MS, placeOf, type ChordMember } from "../../backend/chords.ts";
import type { Sql } from "./shared-database.ts";

const FIND = "SELECT size, joined, added, life_ms, claim, claimed_until, is_over FROM chords WHERE id = ?";
const BEGIN = "INSERT OR IGNORE INTO chords (id, expires_at) VALUES (?, ?)";
const RESIZE = "UPDATE chords SET size = ?, claim = NULL, is_over = 0 WHERE id = ?";
const WATCH = "UPDATE chords SET life_ms = ?, deadline_ms = ?, look_at = ?, expires_at = ? WHERE id = ?";
const PROLONG = "UPDATE chords SET joined = joined + ?, expires_at = ? WHERE id = ?";
const CLAIM = "UPDATE chords SET claim = ?, claimed_until = ? WHERE id = ?";
const END =
  "UPDATE chords SET is_over = 1, joined = 0, added = 0, life_ms = NULL, look_at = NULL, expires_at = ? WHERE id = ?";
const DELETE_EXPIRED = "DELETE FROM chords WHERE id = ? AND expires_at <= ?";

const ADD_PART = "INSERT OR IGNORE INTO chord_parts (chord, place, task_id, part) VALUES (?, ?, ?, ?)";
const PARTS = "SELECT part FROM chord_parts WHERE chord = ? ORDER BY place, task_id";
const NAMES = "SELECT task_id FROM chord_parts WHERE chord = ? ORDER BY place, task_id";

const ADD_BODY = "INSERT OR REPLACE INTO chord_bodies (chord, root_id, body) VALUES (?, ?, ?)";
const ADD_MEMBER = "INSERT OR IGNORE INTO chord_additions (chord, task_id) VALUES (?, ?)";
const GROW = "UPDATE chords SET added = added + ?, expires_at = ? WHERE id = ?";

/** What is kept beside a chord's own row. */
const SATELLITES = ["chord_parts", "chord_bodies", "chord_additions"];

const IS_ANY_TO_LOOK_AT = "SELECT 1 FROM chords WHERE look_at <= ? AND size IS NOT NULL LIMIT 1";
const TO_LOOK_AT = `
  SELECT id, size, joined, added, claim, claimed_until, deadline_ms, expires_at - life_ms + deadline_ms AS due_at, root_id, body
  FROM chords JOIN chord_bodies ON chord = id WHERE look_at <= ? AND size IS NOT NULL ORDER BY look_at LIMIT ?`;
const LOOK_LATER = "UPDATE chords SET look_at = ? WHERE id = ?";

const PRUNE = "DELETE FROM chords WHERE expires_at <= ?";

/** All that is done to a chord counts from one moment. */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly resultExpiresMs: number;
}

/** As text. */
export interface StoredDeadline {
  readonly ms: number;
  readonly body: string;
  readonly rootId: string | null;
}

interface ChordRow {
  readonly size: number | null;
  readonly joined: number;
  readonly added: number;
  readonly life_ms: number | null;
  readonly claim: string | null;
  readonly claimed_until: number | null;
  readonly is_over: 0 | 1;
}

interface WatchedRow extends Pick<ChordRow, "joined" | "added" | "claim" | "claimed_until"> {
  readonly id: string;
  readonly size: number;
  readonly deadline_ms: number;
  readonly due_at: number;
  readonly root_id: string | null;
  readonly body: string;
}

export function begin(
  sql: Sql,
  chord: { readonly chordId: string; readonly size: number; readonly deadline: StoredDeadline | null },
  moment: Moment,
): void {
  const { chordId, size, deadline } = chord;
  findOrBegin(sql, chordId, moment);
  sql(RESIZE).run(size, chordId);
  setDeadline(sql, chordId, deadline, moment);
}

export function watch(sql: Sql, chordId: string, deadline: StoredDeadline, moment: Moment): void {
  const chord = findOrBegin(sql, chordId, moment);
  if (chord?.is_over === 1 || (chord?.life_ms ?? null) !== null) return;
  setDeadline(sql, chordId, deadline, moment);
}

export function grow(sql: Sql, chordId: string, taskIds: readonly string[], moment: Moment): void {
  const chord = findOrBegin(sql, chordId, moment);
  if (chord?.is_over === 1) return;
  const added = taskIds.filter((taskId) => sql(ADD_MEMBER).run(chordId, taskId).changes > 0);
  sql(GROW).run(added.length, expiryOf(chord?.life_ms ?? null, moment), chordId);
}

/** How a chord stands after a member has joined: its parts, as text, when it is complete and the member's. */
export type Standing = "over" | "waiting" | "unwatched" | "claimed" | readonly string[];

export function join(sql: Sql, member: ChordMember, part: string, moment: Moment): Standing {
  const { chordId, taskId, index } = member;
  const chord = findOrBegin(sql, chordId, moment);
  if (chord?.is_over === 1) return "over";
  const isNew = sql(ADD_PART).run(chordId, index ?? Number.MAX_SAFE_INTEGER, taskId, part).changes > 0;
  const joined = (chord?.joined ?? 0) + (isNew ? 1 : 0);
  sql(PROLONG).run(isNew ? 1 : 0, expiryOf(chord?.life_ms ?? null, moment), chordId);
  if (chord === undefined || chord.size === null || joined < chord.size + chord.added)
    return (chord?.life_ms ?? null) === null ? "unwatched" : "waiting";
  if (isAnothers(chord, placeOf(member), moment.now)) return "claimed";
  sql(CLAIM).run(placeOf(member), moment.now + CLAIM_MS, chordId);
  return sql<{ readonly part: string }>(PARTS)
    .all(chordId)
    .map((row) => row.part);
}

/** Cheaper than to take, and enough nearly always. */
export function isAnyToLookAt(sql: Sql, now: number): boolean {
  return sql(IS_ANY_TO_LOOK_AT).get(now) !== undefined;
}

/** As `OverdueChord`, with the body as text. */
export interface StoredOverdue {
  readonly claim: ChordMember;
  readonly size: number;
  readonly came: number;
  readonly names: readonly string[];
  readonly deadline: StoredDeadline;
}

export function takeOverdue(sql: Sql, limit: number, now: number): readonly StoredOverdue[] {
  const taken: StoredOverdue[] = [];
  for (;;) {
    const rows = sql<WatchedRow>(TO_LOOK_AT).all(now, limit - taken.length);
    if (rows.length === 0) return taken;
    for (const row of rows) {
      const later = row.due_at > now ? row.due_at : claimEnd(row, now);
      sql(LOOK_LATER).run(later ?? now + CLAIM_MS, row.id);
      if (later === undefined) taken.push(takeOne(sql, row, now));
    }
  }
}

function takeOne(sql: Sql, row: WatchedRow, now: number): StoredOverdue {
  const { id: chordId, size, added, joined, deadline_ms: ms, root_id: rootId, body } = row;
  const claim = { chordId, taskId: randomUUID(), index: null };
  sql(CLAIM).run(placeOf(claim), now + CLAIM_MS, chordId);
  const members = joined > FEW ? [] : sql<{ readonly task_id: string }>(NAMES).all(chordId);
  return {
    claim,
    size: size + added,
    came: joined,
    names: members.map(({ task_id: taskId }) => taskId),
    deadline: { ms, rootId, body },
  };
}

export function end(sql: Sql, member: ChordMember, now: number): void {
  const { chordId } = member;
  const chord = sql<ChordRow>(FIND).get(chordId);
  if (chord?.is_over !== 0 || isAnothers(chord, placeOf(member), now)) return;
  deleteSatellites(sql, chordId);
  sql(END).run(now + OVER_MS, chordId);
}

/** How many rows were deleted: fewer than `atMost` when nothing is left to delete. */
export function pruneExpiredChords(sql: Sql, now: number, atMost: number): number {
  let deleted = 0;
  for (const table of SATELLITES) {
    if (deleted >= atMost) return deleted;
    deleted += Number(sql(pruneOf(table)).run(now, atMost - deleted).changes);
  }
  if (deleted < atMost) sql(PRUNE).run(now);
  return deleted;
}

/** The chord as it stands; undefined for a new one. */
function findOrBegin(sql: Sql, chordId: string, moment: Moment): ChordRow | undefined {
  if (sql(DELETE_EXPIRED).run(chordId, moment.now).changes > 0) deleteSatellites(sql, chordId);
  if (sql(BEGIN).run(chordId, expiryOf(null, moment)).changes > 0) return undefined;
  return sql<ChordRow>(FIND).get(chordId);
}

function setDeadline(sql: Sql, chordId: string, deadline: StoredDeadline | null, moment: Moment): void {
  const lifeMs = lifeOf({ resultExpiresMs: moment.resultExpiresMs, deadlineMs: deadline?.ms });
  const lookAt = deadline === null ? null : earliest(moment.now + deadline.ms);
  sql(WATCH).run(earliest(lifeMs), deadline?.ms ?? null, lookAt, expiryOf(lifeMs, moment), chordId);
  if (deadline !== null) sql(ADD_BODY).run(chordId, deadline.rootId, deadline.body);
}
/** Until when another is about to send the body, or to make it fail; undefined where nobody is. */
function claimEnd(
  { claim, claimed_until: until }: Pick<ChordRow, "claim" | "claimed_until">,
  now: number,
): number | undefined {
  return claim !== null && until !== null && until > now ? until : undefined;
}

function isAnothers(chord: Pick<ChordRow, "claim" | "claimed_until">, place: string, now: number): boolean {
  return chord.claim !== place && claimEnd(chord, now) !== undefined;
}

function expiryOf(lifeMs: number | null, { now, resultExpiresMs }: Moment): number {
  return earliest(now + (lifeMs ?? lifeOf({ resultExpiresMs })));
}

/** SQLite's integers end behind ours. */
function earliest(ms: number): number {
  return Math.min(ms, Number.MAX_SAFE_INTEGER);
}

function deleteSatellites(sql: Sql, chordId: string): void {
  for (const table of SATELLITES) sql(`DELETE FROM ${table} WHERE chord = ?`).run(chordId);
}

function pruneOf(table: string): string {
  return `
    DELETE FROM ${table} WHERE rowid IN (
      SELECT ${table}.rowid FROM chords JOIN ${table} ON chord = chords.id WHERE chords.expires_at <= ? LIMIT ?)`;
}

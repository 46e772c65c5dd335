import {
  decodeBody,
  decodePart,
  encodeBody,
  encodePart,
  type ChordCounters,
  type ChordDeadline,
  type ChordJoin,
  type ChordMember,
  type ChordPart,
  type ChordPlan,
  type OverdueChord,
} from "../../backend/chords.ts";
import { Batcher } from "../../util/batcher.ts";
import {
  begin,
  end,
  grow,
  isAnyToLookAt,
  join,
  takeOverdue,
  watch,
  type Moment,
  type Standing,
  type StoredDeadline,
} from "./chords.ts";
import { isRefusal, type Database } from "./database.ts";

interface Joining {
  readonly member: ChordMember;
  /** Its outcome as text. */
  readonly part: string;
}

/** Chords as rows. What one turn of the event loop joins is one commit, synced to the disk. */
export class SqliteChords implements ChordCounters {
  readonly #database: Database;
  readonly #resultExpiresMs: number;
  readonly #joins: Batcher<Joining, Standing>;

  /** The database is disposed by its owner. */
  constructor(database: Database, resultExpiresMs: number) {
    this.#database = database;
    this.#resultExpiresMs = resultExpiresMs;
    this.#joins = new Batcher((joins) => this.#join(joins), { isolates: isRefusal });
  }

  async begin(chords: readonly ChordPlan[]): Promise<void> {
    const plans = chords.map((chord) => ({ ...chord, deadline: chord.deadline && stored(chord.deadline) }));
    await this.#database.transaction("durable", (sql) => {
      for (const plan of plans) begin(sql, plan, this.#moment());
    });
  }

  async watch(chordId: string, deadline: ChordDeadline): Promise<void> {
    const text = stored(deadline);
    await this.#database.transaction("durable", (sql) => watch(sql, chordId, text, this.#moment()));
  }

  async grow(chordId: string, taskIds: readonly string[]): Promise<void> {
    await this.#database.transaction("durable", (sql) => grow(sql, chordId, taskIds, this.#moment()));
  }

  async join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin> {
    const standing = await this.#joins.add({ member, part: encodePart({ taskId: member.taskId, ...outcome }) });
    return typeof standing === "string" ? { kind: standing } : { kind: "complete", parts: standing.map(decodePart) };
  }

  /** Takes no lock where there is nothing to take. */
  async takeOverdue({ limit }: { readonly limit: number }): Promise<readonly OverdueChord[]> {
    const { now } = this.#moment();
    if (!(await this.#database.read((sql) => isAnyToLookAt(sql, now)))) return [];
    const taken = await this.#database.transaction("durable", (sql) => takeOverdue(sql, limit, this.#moment().now));
    return taken.map((chord) => ({
      ...chord,
      deadline: { ...chord.deadline, body: decodeBody(chord.deadline.body) },
    }));
  }

  async end(member: ChordMember): Promise<void> {
    await this.#database.transaction("durable", (sql) => end(sql, member, this.#moment().now));
  }

  #join(joins: readonly Joining[]): Promise<readonly Standing[]> {
    return this.#database.transaction("durable", (sql) => {
      const moment = this.#moment();
      return joins.map(({ member, part }) => join(sql, member, part, moment));
    });
  }

  #moment(): Moment {
    return { now: this.#database.clock.now(), resultExpiresMs: this.#resultExpiresMs };
  }
}

function stored({ ms, body, rootId }: ChordDeadline): StoredDeadline {
  return { ms: Math.min(Math.ceil(ms), Number.MAX_SAFE_INTEGER), body: encodeBody(body), rootId };
}

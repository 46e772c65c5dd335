import {
  decodePart,
  encodePart,
  type ChordCounters,
  type ChordJoin,
  type ChordMember,
  type ChordPart,
} from "../../backend/chords.ts";
import { Batcher } from "../../util/batcher.ts";
import { end, join, setSize, type Standing } from "./chords.ts";
import { isRefusal, type Database } from "./database.ts";

interface Joining {
  readonly member: ChordMember;
  /** Its outcome as text. */
  readonly part: string;
}

/** Chords as rows. What one turn of the event loop joins is one commit, synced to the disk. */
export class SqliteChords implements ChordCounters {
  readonly #database: Database;
  readonly #lifeMs: number;
  readonly #joins: Batcher<Joining, Standing>;

  /** The database is disposed by its owner. */
  constructor(database: Database, lifeMs: number) {
    this.#database = database;
    this.#lifeMs = lifeMs;
    this.#joins = new Batcher((joins) => this.#join(joins), { isolates: isRefusal });
  }

  async setSize(chordId: string, size: number): Promise<void> {
    await this.#database.transaction("durable", (sql) => setSize(sql, chordId, size, this.#moment()));
  }

  async join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin> {
    const standing = await this.#joins.add({ member, part: encodePart({ taskId: member.taskId, ...outcome }) });
    return typeof standing === "string" ? { kind: standing } : { kind: "complete", parts: standing.map(decodePart) };
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

  #moment(): { readonly now: number; readonly expiresAt: number } {
    const now = this.#database.clock.now();
    return { now, expiresAt: Math.min(now + this.#lifeMs, Number.MAX_SAFE_INTEGER) };
  }
}

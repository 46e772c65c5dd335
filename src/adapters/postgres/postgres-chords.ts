import { randomUUID } from "node:crypto";
import {
  CLAIM_MS,
  decodeBody,
  decodePart,
  encodeBody,
  encodePart,
  FEW,
  lifeOf,
  OVER_MS,
  placeOf,
  type ChordCounters,
  type ChordDeadline,
  type ChordJoin,
  type ChordMember,
  type ChordPart,
  type ChordPlan,
  type OverdueChord,
} from "../../backend/chords.ts";
import { Batcher } from "../../util/batcher.ts";
import { wholeMs } from "../../util/whole-ms.ts";
import type { Queries } from "./connections/pool.ts";

export interface PostgresChordsOptions {
  readonly queries: Queries;
  /** As SQL writes it. */
  readonly schema: string;
  readonly resultExpiresMs: number;
}

interface Joining {
  readonly member: ChordMember;
  /** Its outcome as text. */
  readonly part: string;
}

/** What a member is told, or why it cannot be. */
type Answer = { readonly join: ChordJoin } | { readonly error: unknown };

interface JoinRow {
  /** From 1, among those that joined together. */
  readonly member: number;
  readonly standing: ChordJoin["kind"];
  readonly part: string | null;
}

interface OverdueRow {
  readonly name_place: number;
  readonly chord_id: string;
  readonly members: number;
  readonly came: number;
  readonly who: readonly string[];
  readonly waited_ms: number;
  readonly root: string | null;
  readonly signature: string;
}

/** Chords as rows, each changed by one function of the schema. What one turn of the event loop joins to a chord is one statement. */
export class PostgresChords implements ChordCounters {
  readonly #options: PostgresChordsOptions;
  /** How long a chord waits where nobody has said what its deadline is. */
  readonly #lifeMs: number;
  readonly #joins: Batcher<Joining, Answer>;

  constructor(options: PostgresChordsOptions) {
    this.#options = options;
    this.#lifeMs = wholeMs(lifeOf(options));
    this.#joins = new Batcher((joins) => this.#join(joins));
  }

  async begin(chords: readonly ChordPlan[]): Promise<void> {
    const { queries, schema } = this.#options;
    // In one order, so that none waits for another that waits for it.
    const plans = [...chords]
      .sort((a, b) => (a.chordId < b.chordId ? -1 : 1))
      .map((plan) => [plan.chordId, plan.size, ...this.#deadline(plan.deadline)]);
    if (plans.length === 0) return;
    const column = (index: number): readonly unknown[] => plans.map((plan) => plan[index]);
    await queries.query(
      `SELECT count(*) FROM (
         SELECT ${schema}.begin_chord(n.id, n.size, n.life, n.deadline, n.root, n.body)
         FROM unnest($1::text[], $2::integer[], $3::float8[], $4::float8[], $5::text[], $6::text[]) AS n (id, size, life, deadline, root, body) OFFSET 0
       ) AS begun`,
      [0, 1, 2, 3, 4, 5].map(column),
    );
  }

  async watch(chordId: string, deadline: ChordDeadline): Promise<void> {
    const { queries, schema } = this.#options;
    await queries.query(`SELECT ${schema}.watch_chord($1, $2, $3, $4, $5)`, [chordId, ...this.#deadline(deadline)]);
  }

  async grow(chordId: string, taskIds: readonly string[]): Promise<void> {
    const { queries, schema } = this.#options;
    await queries.query(`SELECT ${schema}.grow_chord($1, $2, $3)`, [chordId, taskIds, this.#lifeMs]);
  }

  async join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin> {
    const part = encodePart({ taskId: member.taskId, ...outcome });
    const answer = await this.#joins.add({ member, part });
    if ("error" in answer) throw answer.error;
    return answer.join;
  }

  async takeOverdue({ limit }: { readonly limit: number }): Promise<readonly OverdueChord[]> {
    const { queries, schema } = this.#options;
    const taskIds = Array.from({ length: limit }, () => randomUUID());
    const claimOf = (chordId: string, place: number): ChordMember => ({
      chordId,
      taskId: taskIds[place] ?? "",
      index: null,
    });
    const rows = await queries.query<OverdueRow>(`SELECT * FROM ${schema}.take_overdue_chords($1, $2, $3)`, [
      taskIds.map((_, place) => placeOf(claimOf("", place))),
      CLAIM_MS,
      FEW,
    ]);
    return rows.map((row) => ({
      claim: claimOf(row.chord_id, row.name_place - 1),
      size: row.members,
      came: row.came,
      names: row.who,
      deadline: { ms: row.waited_ms, body: decodeBody(row.signature), rootId: row.root },
    }));
  }

  async end(member: ChordMember): Promise<void> {
    const { queries, schema } = this.#options;
    await queries.query(`SELECT ${schema}.end_chord($1, $2, $3)`, [member.chordId, placeOf(member), OVER_MS]);
  }

  /** Each chord is a transaction of its own, so that what is wrong with one is no other's affair. */
  async #join(joins: readonly Joining[]): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    const ofChord = new Map<string, number[]>();
    for (const [place, { member }] of joins.entries()) {
      const places = ofChord.get(member.chordId);
      if (places === undefined) ofChord.set(member.chordId, [place]);
      else places.push(place);
    }
    await Promise.all(
      [...ofChord].map(async ([chordId, places]) => {
        const joining = places.map((place) => joins[place] as Joining);
        const told = await this.#joinOne(chordId, joining).catch((error: unknown) => joining.map(() => ({ error })));
        places.forEach((place, index) => (answers[place] = told[index] as Answer));
      }),
    );
    return answers;
  }

  async #joinOne(chordId: string, joining: readonly Joining[]): Promise<readonly Answer[]> {
    const { queries, schema } = this.#options;
    const rows = await queries.query<JoinRow>(
      `SELECT member, standing, member_part AS part FROM ${schema}.join_chord($1, $2, $3, $4, $5, $6, $7)`,
      [
        chordId,
        joining.map(({ member }) => member.index ?? Number.MAX_SAFE_INTEGER),
        joining.map(({ member }) => member.taskId),
        joining.map(({ member }) => placeOf(member)),
        joining.map(({ part }) => part),
        this.#lifeMs,
        CLAIM_MS,
      ],
    );
    const ofMember: JoinRow[][] = joining.map(() => []);
    for (const row of rows) ofMember[row.member - 1]?.push(row);
    return ofMember.map(answerOf);
  }

  /** The life, the deadline, the family and the body. */
  #deadline(deadline: ChordDeadline | null): readonly (number | string | null)[] {
    if (deadline === null) return [this.#lifeMs, null, null, null];
    const ms = wholeMs(deadline.ms);
    const { resultExpiresMs } = this.#options;
    return [wholeMs(lifeOf({ resultExpiresMs, deadlineMs: ms })), ms, deadline.rootId, encodeBody(deadline.body)];
  }
}

function answerOf(rows: readonly JoinRow[]): Answer {
  const [{ standing: kind } = { standing: "waiting" as const }] = rows;
  if (kind !== "complete") return { join: { kind } };
  try {
    return { join: { kind, parts: rows.map(({ part }) => decodePart(part ?? "")) } };
  } catch (error) {
    return { error };
  }
}

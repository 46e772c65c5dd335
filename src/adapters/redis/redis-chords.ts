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
  partPrefix,
  placeOf,
  type ChordCounters,
  type ChordDeadline,
  type ChordEnd,
  type ChordJoin,
  type ChordMember,
  type ChordPart,
  type ChordPlan,
  type OverdueChord,
} from "../../backend/chords.ts";
import { wholeMs } from "../../util/whole-ms.ts";
import { BEGIN, END, GROW, JOIN, TAKE_OVERDUE, TO_LOOK_AT, WATCH } from "./chord-scripts.ts";
import type { Argument, RedisLink } from "./connections/redis-link.ts";
import type { ResultKeys } from "./result-keys.ts";

export interface RedisChordsOptions {
  readonly link: RedisLink;
  readonly keys: ResultKeys;
  /** In whole milliseconds. */
  readonly resultExpiresMs: number;
}

/** Chords as Celery counts them: `celery/backends/redis.py:RedisBackend.on_chord_part_return`. */
export class RedisChords implements ChordCounters {
  readonly #options: RedisChordsOptions;
  /** How long a chord waits where nobody has said what its deadline is. */
  readonly #lifeMs: number;

  constructor(options: RedisChordsOptions) {
    this.#options = options;
    this.#lifeMs = lifeOf(options);
  }

  async begin(chords: readonly ChordPlan[]): Promise<void> {
    const { link } = this.#options;
    const begins = chords.map(({ chordId, size, deadline }) =>
      link.script(BEGIN, this.#keys(chordId), [size, ...this.#deadline(chordId, deadline)]),
    );
    await Promise.all(begins);
  }

  async watch(chordId: string, deadline: ChordDeadline): Promise<void> {
    await this.#options.link.script(WATCH, this.#keys(chordId), this.#deadline(chordId, deadline));
  }

  async grow(chordId: string, taskIds: readonly string[]): Promise<void> {
    await this.#options.link.script(GROW, this.#keys(chordId), [this.#lifeMs, ...taskIds]);
  }

  async join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin> {
    const { taskId, index, chordId } = member;
    const part = encodePart({ taskId, ...outcome });
    const { parts, added, size, places, claim, group, watch } = this.#options.keys.chord(chordId);
    const [kind, texts] = (await this.#options.link.script(
      JOIN,
      [parts, added, size, places, claim, group, watch],
      [index ?? "+inf", placeOf(member), partPrefix(taskId), part, this.#lifeMs, CLAIM_MS],
    )) as readonly [ChordJoin["kind"], (readonly string[])?];
    return kind === "complete" ? { kind, parts: (texts ?? []).map(decodePart) } : { kind };
  }

  async takeOverdue({ limit }: { readonly limit: number }): Promise<readonly OverdueChord[]> {
    const { link, keys } = this.#options;
    const taken: OverdueChord[] = [];
    while (taken.length < limit) {
      const ids = (await link.script(TO_LOOK_AT, [keys.watched], [limit - taken.length])) as readonly string[];
      if (ids.length === 0) break;
      const looks = await Promise.all(ids.map((chordId) => this.#takeIfOverdue(chordId)));
      taken.push(...looks.filter((chord) => chord !== undefined));
    }
    return taken;
  }

  async end(member: ChordMember, how: ChordEnd): Promise<void> {
    const { chordId } = member;
    await this.#options.link.script(END, this.#keys(chordId), [chordId, placeOf(member), OVER_MS, how]);
  }

  async #takeIfOverdue(chordId: string): Promise<OverdueChord | undefined> {
    const claim = { chordId, taskId: randomUUID(), index: null };
    const args = [chordId, placeOf(claim), CLAIM_MS, FEW];
    const reply = await this.#options.link.script(TAKE_OVERDUE, this.#keys(chordId), args);
    if (reply === null) return undefined;
    const [ms, body, root, size, came, names] = reply as readonly [
      ...[ms: string, body: string, root: string],
      ...[size: number, came: number, names: readonly string[]],
    ];
    const deadline = { ms: Number(ms), body: decodeBody(body), rootId: root === "" ? null : root };
    return { claim, size, came, names, deadline };
  }

  #deadline(chordId: string, deadline: ChordDeadline | null): readonly Argument[] {
    const { resultExpiresMs } = this.#options;
    if (deadline === null) return [chordId, this.#lifeMs, "", "", ""];
    const ms = wholeMs(deadline.ms);
    const lifeMs = wholeMs(lifeOf({ resultExpiresMs, deadlineMs: ms }));
    return [chordId, lifeMs, ms, encodeBody(deadline.body), deadline.rootId ?? ""];
  }

  #keys(chordId: string): readonly string[] {
    const { keys } = this.#options;
    const { parts, added, size, places, claim, group, watch, body, additions } = keys.chord(chordId);
    return [parts, added, size, places, claim, group, watch, body, additions, keys.watched];
  }
}

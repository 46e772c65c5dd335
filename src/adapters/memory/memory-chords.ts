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
import type { Clock } from "../../util/clock.ts";
import type { ExpiringMap } from "./expiring-map.ts";

export type MemoryChord = { readonly isOver: true } | OpenChord;

interface OpenChord {
  readonly isOver: false;
  size: number | undefined;
  /** By the places of the members. */
  readonly parts: Map<string, MemoryPart>;
  /** Ids of those that came to the header later. */
  readonly added: Set<string>;
  claim: { readonly place: string; readonly until: number } | undefined;
  /** Undefined where nobody has said; null where it has none. */
  deadline: MemoryDeadline | null | undefined;
  /** When it began, or the last came, in milliseconds since the epoch. */
  movedAt: number;
}

interface MemoryDeadline {
  readonly ms: number;
  /** The body as text. */
  readonly body: string;
  readonly rootId: string | null;
}

interface MemoryPart {
  readonly taskId: string;
  readonly index: number | null;
  readonly text: string;
}

export interface MemoryChordsOptions {
  readonly chords: ExpiringMap<MemoryChord>;
  readonly clock: Clock;
  readonly resultExpiresMs: number;
  /** Does work unless the backend is closed. */
  readonly run: <T>(work: () => T) => Promise<T>;
}

export class MemoryChords implements ChordCounters {
  readonly #options: MemoryChordsOptions;

  constructor(options: MemoryChordsOptions) {
    this.#options = options;
  }

  begin(chords: readonly ChordPlan[]): Promise<void> {
    return this.#options.run(() => {
      for (const { chordId, size, deadline } of chords) {
        const chord = this.#open(chordId) ?? this.#new();
        Object.assign(chord, { size, claim: undefined, deadline: deadline && encoded(deadline) });
        this.#keep(chordId, chord);
      }
    });
  }

  watch(chordId: string, deadline: ChordDeadline): Promise<void> {
    return this.#options.run(() => {
      const chord = this.#open(chordId);
      if (chord?.deadline !== undefined || this.#isOver(chordId)) return;
      this.#keep(chordId, Object.assign(chord ?? this.#new(), { deadline: encoded(deadline) }));
    });
  }

  grow(chordId: string, taskIds: readonly string[]): Promise<void> {
    return this.#options.run(() => {
      if (this.#isOver(chordId)) return;
      const chord = this.#open(chordId) ?? this.#new();
      for (const taskId of taskIds) chord.added.add(taskId);
      this.#keep(chordId, chord);
    });
  }

  join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin> {
    return this.#options.run(() => this.#join(member, encodePart({ taskId: member.taskId, ...outcome })));
  }

  takeOverdue({ limit }: { readonly limit: number }): Promise<readonly OverdueChord[]> {
    return this.#options.run(() => {
      const now = this.#options.clock.now();
      const taken: OverdueChord[] = [];
      for (const [chordId, chord] of this.#options.chords.entries()) {
        if (taken.length === limit) break;
        if (chord.isOver || !chord.deadline || chord.size === undefined || chord.movedAt + chord.deadline.ms > now)
          continue;
        if (isClaimed(chord.claim, undefined, now)) continue;
        const claim = { chordId, taskId: randomUUID(), index: null };
        chord.claim = { place: placeOf(claim), until: now + CLAIM_MS };
        taken.push(overdue(claim, chord, chord.deadline));
      }
      return taken;
    });
  }

  end(member: ChordMember): Promise<void> {
    const { chords, clock, run } = this.#options;
    return run(() => {
      const chord = this.#open(member.chordId);
      if (chord === undefined || isClaimed(chord.claim, placeOf(member), clock.now())) return;
      chords.set(member.chordId, { isOver: true }, OVER_MS);
    });
  }

  #join(member: ChordMember, text: string): ChordJoin {
    const { taskId, index, chordId } = member;
    if (this.#isOver(chordId)) return { kind: "over" };
    const chord = this.#open(chordId) ?? this.#new();
    const place = placeOf(member);
    if (!chord.parts.has(place)) chord.parts.set(place, { taskId, index, text });
    this.#keep(chordId, chord);
    if (chord.size === undefined || chord.parts.size < chord.size + chord.added.size)
      return { kind: chord.deadline === undefined ? "unwatched" : "waiting" };
    const now = this.#options.clock.now();
    if (isClaimed(chord.claim, place, now)) return { kind: "claimed" };
    chord.claim = { place, until: now + CLAIM_MS };
    return { kind: "complete", parts: [...chord.parts.values()].sort(byPlace).map(({ text }) => decodePart(text)) };
  }

  #isOver(chordId: string): boolean {
    return this.#options.chords.get(chordId)?.isOver === true;
  }

  #open(chordId: string): OpenChord | undefined {
    const chord = this.#options.chords.get(chordId);
    return chord?.isOver === false ? chord : undefined;
  }

  #new(): OpenChord {
    const parts = new Map<string, MemoryPart>();
    return {
      isOver: false,
      size: undefined,
      parts,
      added: new Set(),
      claim: undefined,
      deadline: undefined,
      movedAt: 0,
    };
  }

  #keep(chordId: string, chord: OpenChord): void {
    const { chords, clock, resultExpiresMs } = this.#options;
    chord.movedAt = clock.now();
    chords.set(chordId, chord, lifeOf({ resultExpiresMs, deadlineMs: chord.deadline?.ms }));
  }
}

function encoded({ ms, body, rootId }: ChordDeadline): MemoryDeadline {
  return { ms, body: encodeBody(body), rootId };
}

function overdue(
  claim: ChordMember,
  { size, parts, added }: OpenChord,
  { ms, body, rootId }: MemoryDeadline,
): OverdueChord {
  return {
    claim,
    size: (size ?? 0) + added.size,
    came: parts.size,
    names: parts.size > FEW ? [] : [...parts.values()].sort(byPlace).map(({ taskId }) => taskId),
    deadline: { ms, body: decodeBody(body), rootId },
  };
}

/** Whether the chord is another's than the member's at this place, or anybody's. */
function isClaimed(
  claim: { readonly place: string; readonly until: number } | undefined,
  place: string | undefined,
  now: number,
): boolean {
  return claim !== undefined && claim.place !== place && claim.until > now;
}

/** Members without an index come last; of equals, the texts decide. */
function byPlace(one: MemoryPart, other: MemoryPart): number {
  const last = Number.MAX_SAFE_INTEGER;
  return (one.index ?? last) - (other.index ?? last) || (one.text < other.text ? -1 : 1);
}

import {
  CLAIM_MS,
  decodePart,
  encodePart,
  OVER_MS,
  placeOf,
  type ChordCounters,
  type ChordJoin,
  type ChordMember,
  type ChordPart,
} from "../../backend/chords.ts";
import type { Clock } from "../../util/clock.ts";
import type { ExpiringMap } from "./expiring-map.ts";

export type MemoryChord =
  | { readonly isOver: true }
  | {
      readonly isOver: false;
      size: number | undefined;
      /** By the places of the members. */
      readonly parts: Map<string, MemoryPart>;
      claim: { readonly place: string; readonly until: number } | undefined;
    };

interface MemoryPart {
  readonly index: number | null;
  readonly text: string;
}

export interface MemoryChordsOptions {
  readonly chords: ExpiringMap<MemoryChord>;
  readonly clock: Clock;
  /** How long a chord waits for the rest of its members, in milliseconds. */
  readonly lifeMs: number;
  /** Does work unless the backend is closed. */
  readonly run: <T>(work: () => T) => Promise<T>;
}

export class MemoryChords implements ChordCounters {
  readonly #options: MemoryChordsOptions;

  constructor(options: MemoryChordsOptions) {
    this.#options = options;
  }

  setSize(chordId: string, size: number): Promise<void> {
    const { chords, lifeMs, run } = this.#options;
    return run(() => {
      const chord = chords.get(chordId);
      const parts = chord === undefined || chord.isOver ? new Map<string, MemoryPart>() : chord.parts;
      chords.set(chordId, { isOver: false, size, parts, claim: undefined }, lifeMs);
    });
  }

  join(member: ChordMember, outcome: Omit<ChordPart, "taskId">): Promise<ChordJoin> {
    return this.#options.run(() => this.#join(member, encodePart({ taskId: member.taskId, ...outcome })));
  }

  end(member: ChordMember): Promise<void> {
    const { chords, clock, run } = this.#options;
    return run(() => {
      const chord = chords.get(member.chordId);
      if (chord?.isOver !== false || isClaimed(chord.claim, placeOf(member), clock.now())) return;
      chords.set(member.chordId, { isOver: true }, OVER_MS);
    });
  }

  #join(member: ChordMember, text: string): ChordJoin {
    const { chords, clock, lifeMs } = this.#options;
    const chord = chords.get(member.chordId) ?? {
      isOver: false,
      size: undefined,
      parts: new Map(),
      claim: undefined,
    };
    if (chord.isOver) return { kind: "over" };
    const place = placeOf(member);
    if (!chord.parts.has(place)) chord.parts.set(place, { index: member.index, text });
    chords.set(member.chordId, chord, lifeMs);
    if (chord.size === undefined || chord.parts.size < chord.size) return { kind: "waiting" };
    const now = clock.now();
    if (isClaimed(chord.claim, place, now)) return { kind: "claimed" };
    chord.claim = { place, until: now + CLAIM_MS };
    return { kind: "complete", parts: [...chord.parts.values()].sort(byPlace).map(({ text }) => decodePart(text)) };
  }
}

/** Whether the chord is another's than the member's at this place. */
function isClaimed(
  claim: { readonly place: string; readonly until: number } | undefined,
  place: string,
  now: number,
): boolean {
  return claim !== undefined && claim.place !== place && claim.until > now;
}

/** Members without an index come last; of equals, the texts decide. */
function byPlace(one: MemoryPart, other: MemoryPart): number {
  const last = Number.MAX_SAFE_INTEGER;
  return (one.index ?? last) - (other.index ?? last) || (one.text < other.text ? -1 : 1);
}

import type { ChordCounters, ChordDeadline, ChordJoin, ChordMember } from "../../../backend/chords.ts";

/** Nobody else's chord. */
export const CHORD = "c";

export async function begin(
  chords: ChordCounters | undefined,
  size: number,
  deadline: ChordDeadline | null = null,
): Promise<void> {
  await chords?.begin([{ chordId: CHORD, size, deadline }]);
}

export function member(taskId: string, index: number | null): ChordMember {
  return { chordId: CHORD, taskId, index };
}

export function succeed(chords: ChordCounters, who: ChordMember, result: unknown = null): Promise<ChordJoin> {
  return chords.join(who, { state: "SUCCESS", result });
}

/** Whose parts they are, or how the chord stands. */
export async function tasksOf(join: Promise<ChordJoin>): Promise<readonly string[] | ChordJoin["kind"]> {
  const joined = await join;
  return joined.kind === "complete" ? joined.parts.map(({ taskId }) => taskId) : joined.kind;
}

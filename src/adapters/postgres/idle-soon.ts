import type { Clock } from "../../util/clock.ts";
import { within } from "../../util/within.ts";

/** How long who disposes waits for what was asked before, in milliseconds: no statement takes longer. */
const LONGEST_MS = 12_000;

interface Idling {
  idle(): Promise<void>;
}

/** Resolves once nothing of it is under way, or after a while: what is left then fails when its connection is closed. */
export async function idleSoon(batcher: Idling, clock: Clock): Promise<void> {
  await within({ clock, ms: LONGEST_MS, error: () => new Error("late") }, () => batcher.idle()).catch(() => undefined);
}

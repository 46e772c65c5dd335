import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "../src/broker/broker.ts";
import type { Place } from "./place.ts";

/** How long everybody may take to be at work, in milliseconds: a loaded machine starts them slowly. */
const LONGEST_START_MS = 60_000;
/** How long what is left may not become less once nobody shoots any more, in milliseconds: a lease, a truce after it, and somebody to start. */
const LONGEST_STANDSTILL_MS = 60_000;
const LOOK_MS = 100;
/** A message can be between two hands: there is none anywhere when it looks so as often as that. */
const EMPTY_LOOKS = 10;

/** Resolves when each of these texts stands in the journal. */
export async function underWay(journal: string, signs: readonly string[]): Promise<void> {
  const deadline = Date.now() + LONGEST_START_MS;
  for (;;) {
    const text = await readFile(journal, "utf8").catch(() => ""); // not begun yet
    if (signs.every((sign) => text.includes(sign))) return;
    if (Date.now() >= deadline) throw new Error(`Nobody has done anything within ${LONGEST_START_MS / 1_000} s.`);
    await sleep(LOOK_MS);
  }
}

/** How many messages are left when none is any more, or when nothing gets on. */
export async function drained(place: Place, connected: Broker): Promise<number> {
  let fewest = Infinity;
  let deadline = 0;
  let emptyLooks = 0;
  for (;;) {
    const left = await place.messages(connected);
    if (left < fewest) {
      fewest = left;
      deadline = Date.now() + LONGEST_STANDSTILL_MS;
    }
    emptyLooks = left === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks === EMPTY_LOOKS || Date.now() >= deadline) return left;
    await sleep(LOOK_MS);
  }
}

import type { Command } from "../../control/command.ts";
import type { Turns } from "../../control/control-node.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { BEAT_MS } from "./evidence.ts";
import type { EvidenceMemory } from "./evidence-memory.ts";
import type { TicketClaims } from "./ticket-claims.ts";

/** How long a command is left to the event loop, in milliseconds: askers wait for a second. */
const PATIENCE_MS = 300;
/** Older than that is no beat of an event loop that turns, in milliseconds. */
const BLOCKED_MS = 2 * BEAT_MS;
/** How often it is looked whether the event loop has answered, in milliseconds. */
const LOOK_MS = 30;

export interface StandInTurnsOptions {
  readonly claims: Pick<TicketClaims, "claim" | "isTaken">;
  readonly memory: Pick<EvidenceMemory, "beatAt">;
  /** What can be answered here. */
  readonly handlers: { has(method: string): boolean };
  readonly clock: Clock;
}

/** Takes up those questions that the event loop leaves lying, and that can be answered from what is known here. All else waits for the event loop. */
export class StandInTurns implements Turns {
  readonly #options: StandInTurnsOptions;

  constructor(options: StandInTurnsOptions) {
    this.#options = options;
  }

  async mayDo(command: Command): Promise<boolean> {
    const { handlers, claims, clock } = this.#options;
    if (command.replyTo === undefined || !handlers.has(command.method)) return false;
    const heardAt = uptimeOf(clock);
    while (!claims.isTaken(command)) {
      if (uptimeOf(clock) - heardAt >= PATIENCE_MS || this.#isBlocked) return true;
      await clock.sleep(LOOK_MS, { ref: false });
    }
    return false;
  }

  mayAnswer(command: Command): boolean {
    return this.#options.claims.claim(command);
  }

  get #isBlocked(): boolean {
    const { memory, clock } = this.#options;
    return uptimeOf(clock) - memory.beatAt > BLOCKED_MS;
  }
}

import { uptimeOf, type Clock } from "../../util/clock.ts";
import type { Evidence } from "./evidence.ts";
import type { EvidenceMemory } from "./evidence-memory.ts";
import { judge, type Liveness, type Viewpoint } from "./judge.ts";

/** Between two looks, in milliseconds. */
const LOOK_MS = 500;
/** A look that comes so much too late, in milliseconds, has not been possible before: this thread was kept from running too. */
const KEPT_MS = 500;

export interface LookoutOptions {
  readonly memory: EvidenceMemory;
  readonly clock: Clock;
  /** Whether tasks run in the event loop that is looked at. */
  readonly isInline: boolean;
}

export interface Sight {
  readonly evidence: Evidence;
  readonly viewpoint: Viewpoint;
  readonly liveness: Liveness;
}

/** Looks how a worker is, from wherever its evidence can be read. */
export class Lookout {
  readonly #options: LookoutOptions;
  /** When the next regular look is due; undefined where there is none. */
  #dueAt: number | undefined;
  #resumedAt = 0;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  look(): Sight {
    const { memory, clock, isInline } = this.#options;
    const uptime = uptimeOf(clock);
    if (this.#dueAt !== undefined && uptime - this.#dueAt > KEPT_MS) this.#resumedAt = uptime;
    const evidence = memory.read();
    const viewpoint = { uptime, now: clock.now(), resumedAt: this.#resumedAt, isInline };
    return { evidence, viewpoint, liveness: judge(evidence, viewpoint) };
  }

  /** Looks regularly until aborted. Never rejects, and keeps no process alive. */
  async watch(signal: AbortSignal, onLook: (sight: Sight) => void): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      this.#dueAt = uptimeOf(clock) + LOOK_MS;
      await clock.sleep(LOOK_MS, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      onLook(this.look());
    }
  }
}

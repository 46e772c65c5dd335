import { chordOverdue } from "../backend/chord-outcome.ts";
import type { OverdueChord } from "../backend/chords.ts";
import { describeFailure } from "../backend/failure.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { toError } from "../util/errors.ts";
import { Chords, type Teller } from "./chords.ts";
import { metaOfNeverRun } from "./never-run.ts";
import type { WorkerParts } from "./parts.ts";
import { isPassing, persist, WorkerStoppedError, type Held } from "./persist.ts";
import type { TaskRecord } from "./record.ts";

/** How often workers look for chords that are overdue, in milliseconds; they do not all look at once. */
const LOOK_MS = 15_000;
/** Chords that one worker takes at once: it has to be done with them before its claims are over. */
const AT_ONCE = 20;

export interface OverdueChordsOptions {
  readonly parts: WorkerParts;
  readonly backend: ResultBackend;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Ends the chords whose members do not come: their bodies fail, as they do when a member has failed. */
export class OverdueChords implements AsyncDisposable {
  readonly #options: OverdueChordsOptions;
  readonly #disposed = new AbortController();
  readonly #held: Held = heldUntil(this.#disposed.signal);
  #watching: Promise<void> = Promise.resolve();

  constructor(options: OverdueChordsOptions) {
    this.#options = options;
  }

  /** Looks for them every so often from now on. */
  begin(): void {
    this.#watching = this.#watch();
  }

  /** Resolves once nothing more is done to any: what was begun is another worker's. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort(new WorkerStoppedError(this.#options.parts.hostname));
    await this.#watching;
  }

  /** Never rejects. */
  async #watch(): Promise<void> {
    const { clock, log } = this.#options.parts;
    const { signal } = this.#disposed;
    for (;;) {
      await clock.sleep(this.#pauseMs(), { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#failAll();
      } catch (error) {
        log.debug("overdue chords not looked for", { error: toError(error).message });
      }
    }
  }

  /** A short deadline is looked for as soon. */
  #pauseMs(): number {
    const { parts, random } = this.#options;
    const { resultChordDeadline: seconds } = parts.config;
    const pauseMs = seconds === undefined ? LOOK_MS : Math.min(LOOK_MS, seconds * 1000);
    return pauseMs * (0.5 + random());
  }

  async #failAll(): Promise<void> {
    const { chords } = this.#options.backend;
    for (;;) {
      const overdue = await chords.takeOverdue({ limit: AT_ONCE });
      if (overdue.length === 0) return;
      for (const chord of overdue) await this.#fail(chord);
    }
  }

  /** Rejects when it is to be tried again, by whoever finds it then. */
  async #fail(chord: OverdueChord): Promise<void> {
    const { parts, backend } = this.#options;
    const { claim, deadline } = chord;
    const { task, options } = deadline.body;
    const { task_id: bodyId } = options;
    const failure = chordOverdue(chord);
    const fields = { chord: claim.chordId, task, id: bodyId, error: describeFailure(failure) };
    const id = typeof bodyId === "string" ? bodyId : claim.chordId;
    const teller: Teller = { id, rootId: deadline.rootId ?? id, task, shadow: null };
    const record: Pick<TaskRecord, "neverRun"> = {
      neverRun: (step, why, told) => metaOfNeverRun(step, why, parts, told),
    };
    try {
      const chords = new Chords(teller, this.#held, record, { parts, backend });
      if (await chords.failOverdue(chord, failure)) parts.log.error("chord failed, its members did not come", fields);
    } catch (error) {
      if (isPassing(error)) throw error;
      parts.log.error("overdue chord could not be failed", { ...fields, failure: toError(error).message });
      await persist(() => backend.chords.end(claim, "failed"), parts, this.#held);
    }
  }
}

function heldUntil(lost: AbortSignal): Held {
  return {
    get isLost() {
      return lost.aborted;
    },
    lost,
  };
}

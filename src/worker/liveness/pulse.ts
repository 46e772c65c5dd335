import type { BrokerState, Polling } from "../../broker/broker.ts";
import type { LamportClock } from "../../events/lamport-clock.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import type { RunningTask } from "../running-task.ts";
import type { WorkerState } from "../worker-state.ts";
import { BEAT_MS, type LoopReport, type TaskNote } from "./evidence.ts";
import type { EvidenceMemory } from "./evidence-memory.ts";

/** Tasks that a report tells of. */
const MOST_TASKS = 64;
/** Characters of a task's id or name that it tells. */
const MOST_CHARACTERS = 128;

/** Beats this late have seen a blocked loop, in milliseconds: what comes after is another state. */
const BLOCKED_MS = 1_000;

/** How a worker is at this moment. */
export interface WorkerFacts {
  readonly phase: WorkerState;
  /** Undefined before there is one. */
  readonly broker: BrokerState | undefined;
  /** How many queues it consumes from. */
  readonly queues: number;
  /** Undefined before there is a consumer. */
  readonly polling: Polling | undefined;
  /** How many tasks may run. */
  readonly capacity: number;
  /** How many were begun so far. */
  readonly processed: number;
  /** Undefined before it counts. */
  readonly lamport: LamportClock | undefined;
}

export interface PulseOptions {
  readonly facts: () => WorkerFacts;
  readonly running: Iterable<RunningTask> & { readonly size: number };
  readonly memory: EvidenceMemory;
  readonly clock: Clock;
}

/** Shows twice a second that the event loop turns, and how its worker is. */
export class Pulse {
  readonly #options: PulseOptions;
  #nextAt: number;
  #idleAt: number;
  #wasBusy: boolean | undefined;
  #since = 0;
  #lagMs = 0;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#nextAt = this.#idleAt = uptimeOf(options.clock);
  }

  /** Until aborted; calls `onBeat` after each. Only where the clock has an uptime: in virtual time no loop is ever blocked. Never rejects, and keeps no process alive. */
  async beatOn(signal: AbortSignal, onBeat: () => void): Promise<void> {
    const { clock } = this.#options;
    if (clock.uptime === undefined) return;
    for (;;) {
      this.#nextAt = uptimeOf(clock) + BEAT_MS;
      await clock.sleep(BEAT_MS, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      this.#lagMs = Math.max(0, uptimeOf(clock) - this.#nextAt);
      this.beat();
      onBeat();
    }
  }

  /** One beat, also out of turn: whoever is asked while the loop turns tells how things are now. */
  beat(): void {
    const { memory, clock, facts } = this.#options;
    memory.noteBeat(uptimeOf(clock), this.#report(facts()));
  }

  #report({ lamport, ...facts }: WorkerFacts): LoopReport {
    const { running, memory, clock } = this.#options;
    // What the thread has heard and said meanwhile counts.
    lamport?.catchUp(memory.standInClock);
    if (facts.polling?.isDue !== true) this.#idleAt = uptimeOf(clock);
    const isBusy = running.size >= facts.capacity;
    if (isBusy !== this.#wasBusy || this.#lagMs > BLOCKED_MS) this.#since = clock.now();
    this.#wasBusy = isBusy;
    return {
      ...facts,
      idleAt: this.#idleAt,
      running: running.size,
      tasks: longestFirst([...running]).map(noteOf),
      since: this.#since,
      lagMs: this.#lagMs,
      lamport: lamport?.value ?? 0,
    };
  }
}

/** Of many, the one that has run longest and some others: sorting thousands twice a second would cost too much. */
function longestFirst(running: readonly RunningTask[]): readonly RunningTask[] {
  const [first] = running;
  if (first === undefined) return [];
  const oldest = running.reduce((a, b) => (b.startedAt < a.startedAt ? b : a), first);
  const some = running.length > MOST_TASKS ? [oldest, ...running.slice(0, MOST_TASKS)] : [...running];
  return [...new Set(some)].sort((a, b) => a.startedAt - b.startedAt);
}

function noteOf({ request, startedAt }: RunningTask): TaskNote {
  return { id: request.id.slice(0, MOST_CHARACTERS), name: request.task.slice(0, MOST_CHARACTERS), startedAt };
}

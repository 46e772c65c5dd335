import { AssertionError } from "node:assert";
import type { Celeriac } from "../../app/celeriac.ts";
import { systemClock } from "../../util/clock.ts";
import { Worker } from "../../worker/worker.ts";
import { nextTurn } from "../fake-clock.ts";
import { RunLedger, type Run } from "./run-ledger.ts";
import type { TestPlace } from "./test-place.ts";

export interface DrainOptions {
  /** Whether time moves on to each eta, retry and end of a lease, until nothing is left. @default false: only what is due now runs */
  readonly withScheduled?: boolean;
  /** Whether tasks may end in FAILURE or among the dead letters. @default false: draining rejects then */
  readonly mayFail?: boolean;
  /** Only these queues. @default all that there are */
  readonly queues?: readonly string[];
  /** Most deliveries: tasks that send or retry themselves without end stop here. @default 1_000 */
  readonly maxRuns?: number;
  /** Longest time that nothing may happen while a task is running, in milliseconds of real time. @default 4_000 */
  readonly patienceMs?: number;
}

const DEFAULT_MAX_RUNS = 1_000;

/** Below the time that the usual test runners give a test, so that it is this that tells what is wrong. */
const DEFAULT_PATIENCE_MS = 4_000;

/** Turns of the event loop without any news, after which a worker is taken to be pausing. */
const QUIET_TURNS = 50;

/** Runs what is due, one task at a time, in a worker made for it. Resolves with every run, in order; rejects with AssertionError. */
export async function drain(app: Celeriac, place: TestPlace, options: DrainOptions): Promise<readonly Run[]> {
  const draining = new Draining(app, place, options);
  await draining.drain();
  if (options.mayFail !== true) refuseFailures(draining.runs);
  return draining.runs;
}

class Draining {
  readonly #app: Celeriac;
  readonly #place: TestPlace;
  readonly #options: DrainOptions;
  readonly #ledger: RunLedger;
  readonly #maxRuns: number;
  readonly #handOutsBefore: number;

  constructor(app: Celeriac, place: TestPlace, options: DrainOptions) {
    this.#app = app;
    this.#place = place;
    this.#options = options;
    this.#ledger = new RunLedger(app.log);
    this.#maxRuns = options.maxRuns ?? DEFAULT_MAX_RUNS;
    this.#handOutsBefore = place.handOuts;
  }

  get runs(): readonly Run[] {
    return this.#ledger.runs;
  }

  async drain(): Promise<void> {
    const { clock, outage } = this.#place;
    for (let moves = 0; ;) {
      await outage.pass();
      if (this.#place.hasReady(this.#queues)) {
        await this.#runReady();
        continue;
      }
      const due = this.#options.withScheduled === true ? this.#place.nextDue(this.#queues) : undefined;
      if (due === undefined) return;
      moves += 1;
      if (moves > this.#maxRuns) throw this.#endless(`moved the time more than ${this.#maxRuns} times`);
      await clock.advanceTo(due);
    }
  }

  get #queues(): readonly string[] {
    return this.#options.queues ?? this.#place.queueNames();
  }

  async #runReady(): Promise<void> {
    const worker = new Worker(this.#app, { queues: this.#queues, concurrency: 1, log: this.#ledger });
    await worker.start();
    try {
      await this.#untilIdle();
    } finally {
      await worker.stop({ graceMs: 0 });
    }
  }

  get #isIdle(): boolean {
    const { held } = this.#place;
    return held === 0 && this.#ledger.running.length === 0 && !this.#place.hasReady(this.#queues);
  }

  /** Rejects when there are too many deliveries, and when nothing has happened for too long. */
  async #untilIdle(): Promise<void> {
    const { outage, clock } = this.#place;
    let seen = -1;
    let quietTurns = 0;
    let quietSince = 0;
    await nextTurn();
    while (!this.#isIdle) {
      if (this.#handOuts > this.#maxRuns) throw this.#endless(`took more than ${this.#maxRuns} deliveries`);
      if (this.#events !== seen) [seen, quietTurns, quietSince] = [this.#events, 0, systemClock.now()];
      else if (systemClock.now() - quietSince > this.#patienceMs) throw this.#stuck();
      else if (outage.isOn) await outage.pass();
      else if (outage.isFelt && quietTurns > QUIET_TURNS) await clock.advanceToNextWake();
      await nextTurn();
      quietTurns += 1;
    }
  }

  get #handOuts(): number {
    return this.#place.handOuts - this.#handOutsBefore;
  }

  /** Grows with everything that happens. */
  get #events(): number {
    return this.#handOuts + this.runs.length;
  }

  get #patienceMs(): number {
    return this.#options.patienceMs ?? DEFAULT_PATIENCE_MS;
  }

  #endless(what: string): AssertionError {
    const counts = new Map<string, number>();
    for (const { task } of this.runs) counts.set(task, (counts.get(task) ?? 0) + 1);
    const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
    const culprit = most === undefined ? "" : ` Most runs were of ${most[0]}.`;
    const message = `Draining ${what}, and there was still more to do.${culprit} Does a task send or retry itself without end? The limit is drain({ maxRuns }).`;
    return new AssertionError({ message });
  }

  #stuck(): AssertionError {
    const running = this.#ledger.running.join(", ") || "a task";
    const message = `Draining waited ${this.#patienceMs} ms for ${running}, and nothing happened. Is it waiting for something that the test has to do first? How long to wait is said by drain({ patienceMs }).`;
    return new AssertionError({ message });
  }
}

function refuseFailures(runs: readonly Run[]): void {
  const failed = runs.filter(({ state }) => state === "FAILURE" || state === "DEAD-LETTERED");
  if (failed.length === 0) return;
  const lines = failed.map(
    ({ task, id, state, detail, traceback }) => `${task}[${id}] ended ${state}: ${traceback?.trimEnd() ?? detail}`,
  );
  throw new AssertionError({
    message: `${failed.length} of ${runs.length} runs failed. If that is meant to be, say drain({ mayFail: true }).\n${lines.join("\n")}`,
    stackStartFn: drain,
  });
}

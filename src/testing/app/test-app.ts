import type { Celeriac } from "../../app/celeriac.ts";
import type { CeleriacConfig } from "../../app/config.ts";
import type { Signature } from "../../canvas/signature.ts";
import { durationMs, type Duration } from "../duration.ts";
import { FakeClock } from "../fake-clock.ts";
import type { Faults } from "../faults/faults.ts";
import type { TaskName } from "../task-name.ts";
import { assertSent, refuteSent, type ExpectedCall } from "./assert-sent.ts";
import { drain, type DrainOptions } from "./drain.ts";
import { perform, type Performed } from "./perform.ts";
import type { Run } from "./run-ledger.ts";
import { SentCalls, type SentCall } from "./sent-calls.ts";
import { TestPlace } from "./test-place.ts";

export interface TestAppOptions {
  /** What the clock says first. @default 2026-01-01T00:00:00Z */
  readonly now?: Date;
  /** Configuration that beats the app's own. @default none */
  readonly config?: CeleriacConfig;
}

/** The test's own process runs the tasks, and is not replaced however many it has run. */
const ONE_PROCESS = {
  workerPool: "inline",
  workerMaxTasksPerChild: null,
  workerMaxMemoryPerChild: null,
} as const;

/**
 * Puts an app on a broker and a result backend in memory and on a clock that the test moves, whatever it is configured with and without
 * the machine's `CELERY_…` variables, until what is returned is disposed. Nothing runs until the test says so. Throws TaskDefinitionError
 * when the app is in a test already.
 */
export function openTestApp(app: Celeriac, options: TestAppOptions = {}): TestApp {
  return new TestApp(app, options);
}

/** An app in a test. */
export class TestApp implements AsyncDisposable {
  /** The app's time. */
  readonly clock: FakeClock;
  readonly #app: Celeriac;
  readonly #sent: SentCalls;
  readonly #place: TestPlace;
  readonly #away: AsyncDisposable;

  constructor(app: Celeriac, { now, config }: TestAppOptions) {
    this.#app = app;
    this.clock = new FakeClock(now);
    this.#sent = new SentCalls(() => app.config.acceptContent);
    this.#place = new TestPlace(this.clock, this.#sent, () => app.tasks.runnable());
    const { adapter } = this.#place;
    const here = { broker: adapter, resultBackend: adapter, taskAlwaysEager: false, ...ONE_PROCESS };
    this.#away = app.relocate({ requiredEnv: {}, ...config, ...here }, { clock: this.clock, env: {} });
  }

  /** Faults on order. */
  get faults(): Faults {
    return this.#place.faults;
  }

  /** The calls that were sent so far, of one task or of all, in their order. */
  sent(task?: TaskName): readonly SentCall[] {
    return this.#sent.of(task);
  }

  /** The calls that are as expected. Throws AssertionError when there are none, or not so many as expected. */
  assertSent(task: TaskName, expected?: ExpectedCall): readonly SentCall[] {
    return assertSent(this.#sent, task, expected);
  }

  /** Throws AssertionError when a call like this was sent. */
  refuteSent(task: TaskName, expected?: Omit<ExpectedCall, "times">): void {
    refuteSent(this.#sent, task, expected);
  }

  /** Runs a call once, here and now, and tells how the run ended. Nothing is sent or stored but what the task's body sends. */
  perform<Result>(call: Signature<Result>): Promise<Performed<Result>> {
    return perform(this.#app, call);
  }

  /** Runs what was sent and is due, also what that sends, as a worker does. Resolves with every run; rejects with AssertionError. */
  drain(options: DrainOptions = {}): Promise<readonly Run[]> {
    return drain(this.#app, this.#place, options);
  }

  /** Lets time pass: milliseconds, or `10s`, `1h`. What comes due runs with the next `drain`. */
  advance(duration: Duration): Promise<void> {
    return this.clock.advance(durationMs(duration));
  }

  /** Brings the app back to where it was. What was sent is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#place.outage.end();
    let isBack = false;
    const back = Promise.resolve(this.#away[Symbol.asyncDispose]()).finally(() => (isBack = true));
    while (!isBack) await this.clock.advanceToNextWake(); // closing waits for what is under way, and nobody else moves time
    await back;
  }
}

import { exponentialBackoff } from "../../util/backoff.ts";
import { toError } from "../../util/errors.ts";
import type { Ending } from "../../util/ending.ts";
import { NOT_STARTED, type Pool, type PoolJob, type PoolOutcome, type RunOptions } from "../pool.ts";
import { Slots } from "../slots.ts";
import { Wear } from "../wear.ts";
import { Child, type ChildOptions } from "./child.ts";

/** Wait after a child that could not be started, in milliseconds. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;

/**
 * So many children may die before they have begun a job, as one does whose last task left something deadly behind. Then it must be the job that
 * kills them, such as one that is too large to be heard.
 */
const MOST_EARLY_DEATHS = 2;

export interface IsolatedPoolOptions extends ChildOptions {
  readonly size: number;
}

const ABORTED: PoolOutcome = { kind: "aborted" };

/**
 * Tasks in threads or processes of their own, one at a time in each. What goes on in one, a loop that never ends or a crash, is
 * nothing to the others: it is killed and replaced. They are started when there is work for them, at most `size`.
 */
export class IsolatedPool implements Pool {
  readonly #options: IsolatedPoolOptions;
  readonly #slots: Slots;
  readonly #running = new Set<Ending>();
  /** All that may be given jobs, and those of them that have none. */
  readonly #children = new Map<Child, Wear>();
  readonly #idle: Child[] = [];
  /** Those that go. */
  readonly #leaving = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #failedStarts = 0;

  constructor(options: IsolatedPoolOptions) {
    this.#options = options;
    this.#slots = new Slots(options.size);
  }

  get size(): number {
    return this.#slots.size;
  }

  get busy(): number {
    return this.#slots.taken;
  }

  /** Starts one child: an app that cannot be loaded is better known now. */
  async start(): Promise<void> {
    this.#keep(await this.#startChild());
  }

  async run(job: PoolJob, options: RunOptions): Promise<PoolOutcome> {
    const { ending } = options;
    if (!this.#slots.tryTake() && !(await this.#slots.take(ending.signal))) return ABORTED;
    this.#running.add(ending);
    try {
      return await this.#runInChild(job, options);
    } finally {
      this.#running.delete(ending);
      this.#slots.release();
    }
  }

  resize(size: number): void {
    this.#slots.resize(size);
    while (this.#children.size > size) {
      const spare = this.#idle.pop();
      if (spare === undefined) return; // the others go when their jobs have ended
      this.#retire(spare);
    }
  }

  /** A fresh child is ready before an idle one goes; a busy one goes when its job has ended, as one that is worn out does. */
  async restart(): Promise<void> {
    let isSure = false; // that the app can be loaded
    for (const child of [...this.#children.keys()]) {
      if (this.#closing.signal.aborted) return;
      const fresh = !isSure || this.#idle.includes(child) ? await this.#startChild() : undefined;
      isSure = true;
      this.#replace(child);
      if (fresh !== undefined) this.#keep(fresh);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#slots.close();
    this.#closing.abort();
    for (const ending of this.#running) ending.end();
    for (const child of this.#children.keys()) if (!child.isBusy) this.#retire(child);
    while (this.#children.size > 0 || this.#leaving.size > 0) {
      await Promise.all([...this.#leaving, ...[...this.#children.keys()].map((child) => child.gone)]);
    }
  }

  async #runInChild(job: PoolJob, options: RunOptions, earlyDeaths = 0): Promise<PoolOutcome> {
    const { ending } = options;
    if (ending.isOver) return ABORTED;
    let child = this.#popIdle();
    try {
      child ??= await this.#startUnless(ending.signal);
    } catch (error) {
      if (ending.signal.aborted) return ABORTED;
      const cause = toError(error);
      return { kind: "lost", reason: { code: NOT_STARTED, detail: cause.message }, cause };
    }
    if (child === undefined) return ABORTED;
    const outcome = await child.run(job, options);
    const isWornOut = this.#children.get(child)?.isOutAfterTask(() => child.memoryBytes) ?? true;
    if (isWornOut) this.#retire(child);
    else this.#keep(child);
    if (outcome.kind !== "lost" || child.hasBegun || earlyDeaths === MOST_EARLY_DEATHS) return outcome;
    this.#options.log.warn("a pool's child died before it began a task, which is given to another", {
      detail: outcome.reason.detail,
    });
    return this.#runInChild(job, options, earlyDeaths + 1);
  }

  /** None that has just died: it would be blamed on the job. */
  #popIdle(): Child | undefined {
    for (;;) {
      const child = this.#idle.pop();
      if (!child?.isEnding) return child;
    }
  }

  /** A child, or undefined once the signal has aborted; it is then kept for later. */
  async #startUnless(signal: AbortSignal): Promise<Child | undefined> {
    const starting = this.#startChild();
    const child = await Promise.race([starting, aborted(signal)]);
    const keep = (late: Child): void => this.#keep(late);
    if (child === undefined) starting.then(keep, () => undefined); // what was wrong, the next start tells
    return child;
  }

  /** Rejects with PoolStartError. After a failure the next one waits a little. */
  async #startChild(): Promise<Child> {
    const { clock, log } = this.#options;
    if (this.#failedStarts > 0) {
      const backoff = { baseMs: FIRST_DELAY_MS, maxMs: LONGEST_DELAY_MS };
      const delayMs = exponentialBackoff(this.#failedStarts - 1, backoff);
      await clock.sleep(delayMs, { signal: this.#closing.signal });
    }
    try {
      const child = await this.#readyChild();
      this.#failedStarts = 0;
      return child;
    } catch (error) {
      this.#failedStarts += 1;
      if (!this.#closing.signal.aborted) {
        log.error("a pool's child could not be started", { error: toError(error).message });
      }
      throw error;
    }
  }

  async #readyChild(): Promise<Child> {
    const child = new Child(this.#options);
    this.#children.set(child, new Wear(this.#options));
    void child.gone.then(() => this.#forget(child));
    try {
      await child.ready;
      return child;
    } catch (error) {
      this.#retire(child);
      throw error;
    }
  }

  /** For the next job, if there may be one. */
  #keep(child: Child): void {
    if (child.isGone) return;
    if (this.#closing.signal.aborted || !this.#children.has(child) || this.#children.size > this.size)
      this.#retire(child);
    else this.#idle.push(child);
  }

  /** One that has a job, or is being started for one, is retired after it: it is no longer among the pool's own. */
  #replace(child: Child): void {
    if (this.#idle.includes(child)) this.#retire(child);
    else if (this.#children.has(child)) this.#letGo(child, child.gone);
  }

  #retire(child: Child): void {
    this.#letGo(child, child.retire());
  }

  #letGo(child: Child, going: Promise<unknown>): void {
    this.#forget(child);
    this.#leaving.add(going);
    void going.then(() => this.#leaving.delete(going));
  }

  #forget(child: Child): void {
    this.#children.delete(child);
    const at = this.#idle.indexOf(child);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

/** Resolves once the signal aborts. */
function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

import { Worker } from "node:worker_threads";
import { exponentialBackoff } from "../../util/backoff.ts";
import type { Clock } from "../../util/clock.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { siblingModule } from "../../util/sibling-module.ts";
import { threadEnd } from "../../util/thread-end.ts";
import { threadOptions } from "../../util/thread-options.ts";
import { HealthEndpointError } from "./health-error.ts";
import {
  STAND_IN_END_MS,
  type FromStandIn,
  type Snapshot,
  type StandInSetup,
  type ToStandIn,
} from "./stand-in-messages.ts";

const PROGRAM = siblingModule("./stand-in-program", import.meta.url);

/** It holds two connections and a few answers: V8 shall not reserve for more. In MiB. */
const LIMITS = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

/** Before a thread that has ended is replaced. */
const RESTART = { baseMs: 1_000, maxMs: 60_000, jitter: false } as const;

type StandBy = Omit<Extract<ToStandIn, { readonly kind: "stand-by" }>, "kind">;

export interface StandInThreadOptions {
  readonly setup: StandInSetup;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The thread that stands in for a worker's event loop. It keeps no process alive, and is replaced when it ends by itself; a worker whose thread
 * cannot be had goes on without.
 */
export class StandInThread implements AsyncDisposable {
  readonly #options: StandInThreadOptions;
  readonly #ended = new AbortController();
  /** The last of each is told to a thread that comes later. */
  #standBy: StandBy | undefined;
  readonly #answers: Record<string, Uint8Array> = {};
  #worker: Worker | undefined;
  #ready: Deferred<string | undefined> = deferred();
  #failures = 0;
  #hears = false;
  /** Where the endpoint was served, which it is again by a thread that comes later. */
  #port: number | undefined;

  constructor(options: StandInThreadOptions) {
    this.#options = options;
    this.#ready.promise.catch(() => undefined); // nobody has to look at it
  }

  /**
   * Resolves with the health endpoint's URL, where one is served, once the thread is there, or is known not to come for now. Rejects with HealthEndpointError
   * where that cannot be served; it is then not tried again. To be called once.
   */
  start(): Promise<string | undefined> {
    this.#start();
    return this.#ready.promise;
  }

  /** Whether it hears remote control. */
  get hears(): boolean {
    return this.#hears;
  }

  standBy(order: StandBy): void {
    this.#standBy = order;
    this.#tell({ kind: "stand-by", ...order });
  }

  leave(answers: Snapshot): void {
    Object.assign(this.#answers, answers);
    this.#tell({ kind: "snapshot", answers });
  }

  /** Resolves once the thread has ended. Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker === undefined) return;
    worker.postMessage({ kind: "end" } satisfies ToStandIn);
    await threadEnd(worker, STAND_IN_END_MS, this.#options.clock);
  }

  #start(): void {
    try {
      this.#worker = this.#open();
    } catch (error) {
      // Such as for want of a permission, or of memory.
      void this.#replace(toError(error).message);
      return;
    }
    if (this.#standBy !== undefined) this.#tell({ kind: "stand-by", ...this.#standBy });
    this.#tell({ kind: "snapshot", answers: this.#answers });
  }

  #open(): Worker {
    const { setup } = this.#options;
    const health = setup.health && { ...setup.health, port: this.#port ?? setup.health.port };
    const workerData: StandInSetup = { ...setup, health };
    const worker = new Worker(PROGRAM, { ...threadOptions(PROGRAM, "liveness", LIMITS), workerData });
    // Somebody waits for the endpoint.
    if (setup.health === undefined) worker.unref();
    let failure = "it ended by itself";
    worker.on("message", (news: FromStandIn) => {
      if (news.kind === "ready") this.#noteReady(worker, news.health);
      else if (news.kind === "hears") this.#hears = true;
      else failure = this.#refuse(news.error);
    });
    worker.on("error", (error) => (failure = toError(error).message));
    worker.on("exit", () => {
      if (this.#worker === worker) void this.#replace(failure);
    });
    return worker;
  }

  #noteReady(worker: Worker, health: string | undefined): void {
    worker.unref();
    this.#failures = 0;
    if (health !== undefined) this.#port = Number(new URL(health).port);
    this.#ready.resolve(health);
  }

  /** Before it was ever served, that is for whoever started it to know. */
  #refuse(detail: string): string {
    const { health } = this.#options.setup;
    if (health !== undefined) this.#ready.reject(new HealthEndpointError(health, detail));
    return detail;
  }

  /** A thread that never was there has no endpoint to wait for. */
  async #replace(failure: string): Promise<void> {
    const { clock, log, setup } = this.#options;
    this.#worker = undefined;
    this.#hears = false;
    this.#ready.resolve(undefined);
    const isServed = setup.health !== undefined;
    log.warn("the thread that tells of the worker has ended, and is replaced", {
      node: setup.node,
      isServed,
      error: failure,
    });
    const pause = exponentialBackoff(this.#failures++, RESTART);
    await clock.sleep(pause, { ref: false, signal: this.#ended.signal }).catch(() => undefined);
    if (!this.#ended.signal.aborted) this.#start();
  }

  #tell(order: ToStandIn): void {
    this.#worker?.postMessage(order);
  }
}

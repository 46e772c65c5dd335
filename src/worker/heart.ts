import { loadavg, type } from "node:os";
import type { EventDispatcher } from "../events/event-dispatcher.ts";
import type { WorkerFields } from "../events/event.ts";
import type { Clock } from "../util/clock.ts";
import { packageVersion } from "../util/package-version.ts";
import type { Roster } from "../util/roster.ts";
import type { RunningTask } from "./running-task.ts";
import type { TaskTotals } from "./task-totals.ts";

/** As Python's `platform.system()` has it. */
const SYSTEM = type() === "Windows_NT" ? "Windows" : type();

export interface HeartOptions {
  readonly dispatcher: Pick<EventDispatcher, "send" | "isAway">;
  /** In milliseconds. */
  readonly intervalMs: number;
  readonly running: Pick<Roster<RunningTask>, "size">;
  readonly totals: Pick<TaskTotals, "total">;
  readonly clock: Clock;
}

/** Tells monitors that a worker is there: when it begins, ever again, and when it ends. Celery: `celery/worker/heartbeat.py:Heart`. */
export class Heart implements Disposable {
  readonly #options: HeartOptions;
  readonly #version = packageVersion();
  readonly #ended = new AbortController();
  #hasBegun = false;

  constructor(options: HeartOptions) {
    this.#options = options;
  }

  /** Calling it again is fine. */
  begin(): void {
    if (this.#hasBegun || this.#ended.signal.aborted) return;
    this.#hasBegun = true;
    this.#options.dispatcher.send("worker-online", this.#fields());
    void this.#beatOn();
  }

  /** One heartbeat out of turn, as the remote control command `heartbeat` asks for. */
  beat(): void {
    this.#options.dispatcher.send("worker-heartbeat", this.#fields());
  }

  /** Says goodbye if it has begun. Calling it again is fine. */
  [Symbol.dispose](): void {
    if (this.#hasBegun && !this.#ended.signal.aborted) this.#options.dispatcher.send("worker-offline", this.#fields());
    this.#ended.abort();
  }

  /** Never rejects. While the broker is away it says nothing: what is heard later tells of no life now. */
  async #beatOn(): Promise<void> {
    const { clock, intervalMs, dispatcher } = this.#options;
    const { signal } = this.#ended;
    for (;;) {
      await clock.sleep(intervalMs, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      if (!dispatcher.isAway) this.beat();
    }
  }

  #fields(): WorkerFields {
    const { intervalMs, running, totals } = this.#options;
    return {
      freq: intervalMs / 1000,
      active: running.size,
      processed: totals.total,
      loadavg: loadavg().map((load) => Math.round(load * 100) / 100),
      sw_ident: "celeriac",
      sw_ver: this.#version,
      sw_sys: SYSTEM,
    };
  }
}

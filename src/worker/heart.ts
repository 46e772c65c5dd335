import type { EventDispatcher } from "../events/event-dispatcher.ts";
import type { WorkerFields } from "../events/event.ts";
import type { Dict } from "../message/fields.ts";
import type { Clock } from "../util/clock.ts";
import type { Roster } from "../util/roster.ts";
import type { RunningTask } from "./running-task.ts";
import type { TaskTotals } from "./task-totals.ts";
import { workerFields } from "./worker-fields.ts";

export interface HeartOptions {
  readonly dispatcher: Pick<EventDispatcher, "send" | "isAway">;
  /** In milliseconds. */
  readonly intervalMs: number;
  readonly running: Pick<Roster<RunningTask>, "size">;
  readonly totals: Pick<TaskTotals, "total">;
  /** How the worker is: what the command `liveness` answers. */
  readonly liveness: () => Dict;
  readonly clock: Clock;
}

/** Tells monitors that a worker is there: when it begins, ever again, and when it ends. Celery: `celery/worker/heartbeat.py:Heart`. */
export class Heart implements Disposable {
  readonly #options: HeartOptions;
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
    const { intervalMs, running, totals, liveness } = this.#options;
    const fields = workerFields({ intervalMs, active: running.size, processed: totals.total });
    return { ...fields, liveness: liveness() };
  }
}

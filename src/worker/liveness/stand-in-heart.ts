import type { EventDispatcher } from "../../events/event-dispatcher.ts";
import { workerFields } from "../worker-fields.ts";
import { livenessAnswer } from "./liveness-answer.ts";
import type { Sight } from "./lookout.ts";

/** Beats for a worker while its event loop cannot, so that nobody takes it for gone: once it is wedged, and then in its rhythm. */
export class StandInHeart {
  readonly #dispatcher: Pick<EventDispatcher, "send" | "isAway">;
  readonly #intervalMs: number;
  /** By the uptime, in milliseconds; undefined while the event loop turns. */
  #lastBeat: number | undefined;

  constructor(dispatcher: Pick<EventDispatcher, "send" | "isAway">, intervalMs: number) {
    this.#dispatcher = dispatcher;
    this.#intervalMs = intervalMs;
  }

  look({ evidence: { report }, liveness, viewpoint: { uptime } }: Sight): void {
    if (liveness.why !== "event loop blocked") {
      this.#lastBeat = undefined;
      return;
    }
    // The first in time for those who have heard nothing since the loop's last.
    if (this.#lastBeat !== undefined && uptime - this.#lastBeat < this.#intervalMs) return;
    this.#lastBeat = uptime;
    if (this.#dispatcher.isAway) return;
    const counts = { active: liveness.running, processed: report?.processed ?? 0 };
    const own = workerFields({ intervalMs: this.#intervalMs, ...counts });
    this.#dispatcher.send("worker-heartbeat", { ...own, liveness: livenessAnswer(liveness, "thread") });
  }
}

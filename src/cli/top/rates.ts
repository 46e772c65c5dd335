import type { TaskTotals } from "../../events/cluster/cluster-state.ts";

/** A second's worth of each. */
export interface Rates {
  readonly received: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** How far back a rate looks, in milliseconds. */
const WINDOW_MS = 5_000;

/** What totals grow by in a second, on the average of the last few. */
export class RateMeter {
  #samples: { readonly at: number; readonly totals: TaskTotals }[] = [];

  /** `now` is in milliseconds. Totals that begin anew begin a new average. Undefined until there are two of them. */
  rates(totals: TaskTotals, now: number): Rates | undefined {
    const isAnew = totals.received < (this.#samples.at(-1)?.totals.received ?? 0);
    const recent = isAnew ? [] : this.#samples.filter(({ at }) => now - at <= WINDOW_MS);
    this.#samples = [...recent, { at: now, totals }];
    const first = this.#samples[0];
    if (first === undefined || first.at >= now) return undefined;
    const perSecond = (name: keyof Rates): number => ((totals[name] - first.totals[name]) * 1000) / (now - first.at);
    return { received: perSecond("received"), succeeded: perSecond("succeeded"), failed: perSecond("failed") };
  }
}

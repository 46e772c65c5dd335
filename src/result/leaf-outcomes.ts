import type { ResultNode } from "../backend/groups.ts";
import { AsyncQueue } from "../util/async-queue.ts";
import { onceOver } from "../util/ending.ts";
import { startTimer } from "../util/timer.ts";
import type { GetOptions, ResultSource } from "./canvas-result.ts";
import { LeafWatch } from "./leaf-watch.ts";
import { valueOf, type Outcome } from "./outcome.ts";
import { assemble } from "./result-tree.ts";

/** Makes the error that tells of the end of the time. */
type Overdue = (timeoutMs: number) => Error;

/** How one of the tasks ended whose values make up a canvas's. */
export interface LeafOutcome {
  /** Its place among them. */
  readonly leaf: number;
  readonly outcome: Outcome;
}

/** The canvas's value. Rejects with the first failure that is known, whatever the others do. */
export async function joinLeaves(
  root: ResultNode,
  source: ResultSource,
  options: GetOptions,
  overdue: Overdue,
): Promise<unknown> {
  const values: unknown[] = [];
  for await (const { leaf, outcome } of leafOutcomes(root, source, options, overdue)) values[leaf] = valueOf(outcome);
  return assemble(root, values.values());
}

/**
 * Each of those tasks once it has ended, in any order. Throws `overdue`'s error or ResultBackendUnavailableError where the next one
 * is not known yet, and the signal's reason. Leaving the loop ends the waiting.
 */
export async function* leafOutcomes(
  root: ResultNode,
  source: ResultSource,
  options: GetOptions,
  overdue: Overdue,
): AsyncGenerator<LeafOutcome, undefined> {
  const heard = new AsyncQueue<LeafOutcome | { readonly error: unknown }>();
  const fail = (error: unknown): void => heard.push({ error });
  const watch = new LeafWatch(root, source, { hear: (leaf, outcome) => heard.push({ leaf, outcome }), fail });
  const { timeoutMs } = options;
  const forgetSignal = onceOver(options, fail);
  const stopTimer =
    timeoutMs === undefined ? undefined : startTimer(source.clock, timeoutMs, () => fail(overdue(timeoutMs)));
  try {
    let left = watch.size;
    if (left === 0) return;
    watch.start();
    for await (const item of heard) {
      options.signal?.throwIfAborted();
      if ("error" in item) throw item.error;
      yield item;
      left -= 1;
      if (left === 0) return;
    }
  } finally {
    watch.stop();
    forgetSignal();
    stopTimer?.();
  }
}

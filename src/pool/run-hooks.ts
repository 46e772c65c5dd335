import type { EncodedJson } from "../message/json.ts";
import type { PoolJob, PoolOutcome } from "./pool.ts";

/** Runs the body of one task. Throws or rejects only when it could not be run at all: a task's own failure is an outcome. */
export type RunTask = (job: PoolJob, run: RunHooks) => PoolOutcome | Promise<PoolOutcome>;

/** What a run has of its pool. */
export interface RunHooks {
  /** Aborts at the soft limit and when the run is given up. */
  readonly signal: AbortSignal;
  /** To be asked before the first effect: whether the run was given up. */
  readonly isGivenUp: boolean;
  /**
   * Says that committing begins: false when the run was given up; from then on it can no longer be, and its own outcome counts.
   * Where the pool is in another thread or process, the answer comes from there.
   */
  beginCommit(): boolean | Promise<boolean>;
  readonly onProgress: (value: EncodedJson) => void;
}

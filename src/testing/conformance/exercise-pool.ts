import type { Pool } from "../../pool/pool.ts";
import { systemClock, type Clock } from "../../util/clock.ts";
import { register, type Skip, type TestFunction } from "./cases.ts";
import { crashCases } from "./pool/crash-cases.ts";
import { lifeCases } from "./pool/life-cases.ts";
import { limitCases } from "./pool/limit-cases.ts";
import { outcomeCases } from "./pool/outcome-cases.ts";
import { PoolStage, type PoolWanted } from "./pool/stage.ts";

export interface PoolExercise {
  /** Registers a test: vitest's `it`, `node:test`'s `test`. */
  readonly test: TestFunction;
  /** A pool that is not started yet. Disposed by the suite. */
  readonly createPool: (wanted: PoolWanted) => Pool;
  /** The clock of those pools. @default the system clock */
  readonly clock?: Clock;
  /** Tests, by the name behind "subject: ", that this pool cannot pass. */
  readonly skip?: readonly Skip[];
}

/** The definition of `Pool` in tests. Each test opens pools of its own. */
export function exercisePool(subject: string, exercise: PoolExercise): void {
  const { test, createPool, clock = systemClock, skip } = exercise;
  const cases = [...outcomeCases, ...limitCases, ...crashCases, ...lifeCases];
  register({ subject, cases, test, skip, open: async () => new PoolStage(createPool, clock) });
}

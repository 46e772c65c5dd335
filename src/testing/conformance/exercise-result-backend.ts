import { systemClock, type Clock } from "../../util/clock.ts";
import { register, type Skip, type TestFunction } from "./cases.ts";
import { canvasCases } from "./result-backend/canvas-cases.ts";
import { chordCases } from "./result-backend/chord-cases.ts";
import { fenceCases } from "./result-backend/fence-cases.ts";
import { groupCases } from "./result-backend/group-cases.ts";
import { overdueCases } from "./result-backend/overdue-cases.ts";
import { recordCases } from "./result-backend/record-cases.ts";
import { ResultStage, type ResultPlace } from "./result-backend/stage.ts";
import { valueCases } from "./result-backend/value-cases.ts";
import { watchCases } from "./result-backend/watch-cases.ts";

export interface ResultBackendExercise {
  /** Registers a test: vitest's `it`, `node:test`'s `test`. */
  readonly test: TestFunction;
  /** A place for results that no other test uses. */
  readonly createPlace: () => Promise<ResultPlace>;
  /** @default the system clock */
  readonly clock?: Clock;
  /** Tests, by the name behind "subject: ", that this backend cannot pass. */
  readonly skip?: readonly Skip[];
}

/** The definition of `ResultBackend` in tests. Each test has a place of its own. */
export function exerciseResultBackend(subject: string, exercise: ResultBackendExercise): void {
  const { test, createPlace, clock = systemClock, skip } = exercise;
  const cases = [
    ...recordCases,
    ...fenceCases,
    ...valueCases,
    ...watchCases,
    ...groupCases,
    ...chordCases,
    ...overdueCases,
    ...canvasCases,
  ];
  register({ subject, cases, test, skip, open: async () => new ResultStage(await createPlace(), clock) });
}

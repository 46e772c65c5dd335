import { bullmq } from "./bullmq.ts";
import { celeriac } from "./celeriac.ts";
import type { Contender, Figures, Loads, Place } from "./contender.ts";
import { rawSqlite } from "./raw-sqlite.ts";
import type { Scenario } from "./scenarios.ts";

/** In the order in which they are measured in every round, so that all share the machine's moods. Ratios are taken of the others. */
export const CONTENDERS: readonly Contender[] = [rawSqlite, celeriac, bullmq];

export interface Measurement {
  readonly contender: string;
  readonly scenario: Scenario;
  readonly place: Place;
}

export async function measure({ contender, scenario, place }: Measurement): Promise<Figures> {
  const measurements = CONTENDERS.find(({ name }) => name === contender)?.measurements ?? {};
  const run = measurements[scenario.kind] as ((place: Place, load: Loads[keyof Loads]) => Promise<Figures>) | undefined;
  return run === undefined ? {} : run(place, scenario.load);
}

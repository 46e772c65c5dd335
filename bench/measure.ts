import type { Figures, Loads, Place } from "./contender.ts";
import type { Scenario } from "./suite.ts";
import { suitesNamed } from "./suites.ts";

/** All that a process must be told to do one. */
export interface Measurement {
  readonly suite: string;
  readonly contender: string;
  readonly scenario: Scenario;
  readonly place: Place;
}

/** No figures from those who cannot do it. */
export async function measure({ suite, contender, scenario, place }: Measurement): Promise<Figures> {
  const contenders = suitesNamed([suite]).flatMap((found) => found.contenders);
  const measurements = contenders.find(({ name }) => name === contender)?.measurements ?? {};
  const run = measurements[scenario.kind] as ((place: Place, load: Loads[keyof Loads]) => Promise<Figures>) | undefined;
  return run === undefined ? {} : run(place, scenario.load);
}

import type { Contender, Loads } from "./contender.ts";
import type { Server } from "./server.ts";

/** What is measured on one broker: all contenders take turns in every round, so that they share the machine's moods. */
export interface Suite {
  readonly name: string;
  /** Of this suite's own; undefined where there is none to be started. */
  readonly startServer: () => Promise<Server | undefined>;
  /** In the order of their turns. Ours, which is called Celeriac, is compared with each of the others. */
  readonly contenders: readonly Contender[];
  /** For figures; `quick` shows in some seconds that everything here still runs. */
  readonly scenarios: (quick: boolean) => readonly Scenario[];
}

export const OURS = "Celeriac";

export type Unit = "/s" | "ms" | "µs" | "MiB" | "bytes" | "commands";

/** One thing to measure, for all who can do it. */
export type Scenario = { readonly [Kind in keyof Loads]: ScenarioOf<Kind> }[keyof Loads];

interface ScenarioOf<Kind extends keyof Loads> {
  readonly name: string;
  readonly kind: Kind;
  readonly load: Loads[Kind];
  /** What is shown of its figures, in this order. */
  readonly units: Readonly<Record<string, Unit>>;
  /** At most so many rounds, where one takes minutes. */
  readonly rounds?: number;
}

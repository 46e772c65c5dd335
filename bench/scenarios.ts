import type { Loads, Results } from "./contender.ts";

export type Unit = "/s" | "ms" | "µs" | "MiB" | "bytes";

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

const RATE = { rate: "/s" } as const;
const WORK = { rate: "/s", cpu: "µs", memory: "MiB" } as const;

/** For figures; `quick` shows in some seconds that everything here still runs. */
export function scenarios(quick: boolean): readonly Scenario[] {
  const many = quick ? 200 : 30_000;
  const few = quick ? 20 : 3_000;
  const drained = quick ? 200 : 100_000;
  const waiting = quick ? [200, 400] : [1_000, 10_000, 100_000, 1_000_000];
  const send = (count: number, inFlight: number, synchronous: "full" | "normal"): Scenario => ({
    name: `send, ${String(inFlight)} in flight, synchronous=${synchronous}`,
    kind: "send",
    load: { count, inFlight, synchronous },
    units: RATE,
  });
  const drain = (count: number, results: Results): Scenario => ({
    name: `drain ${String(count)}, ${results === "none" ? "no results" : `results, synchronous=${results}`}`,
    kind: "drain",
    load: { waiting: count, concurrency: 100, results },
    units: WORK,
    ...(count > 50_000 ? { rounds: 3 } : {}),
  });
  const grown = (count: number): Scenario => ({
    name: `with ${String(count)} waiting`,
    kind: "growth",
    load: { waiting: count, drained: quick ? 100 : Math.min(count, 10_000) },
    units: { send: "/s", drain: "/s" },
    ...(count > 50_000 ? { rounds: count > 500_000 ? 1 : 3 } : {}),
  });
  return [
    send(few, 1, "full"),
    send(many, 10, "full"),
    send(many, 100, "full"),
    { name: "send, batches of 100", kind: "sendBatches", load: { count: many, size: 100 }, units: RATE },
    send(many, 1, "normal"),
    drain(drained, "none"),
    drain(drained, "normal"),
    drain(drained, "full"),
    {
      name: "idle worker, send to start",
      kind: "idleLatency",
      load: { samples: quick ? 3 : 200 },
      units: { p50: "ms", p95: "ms", p99: "ms" },
    },
    ...waiting.map(grown),
    {
      name: "room",
      kind: "room",
      load: quick ? { waiting: 500, restMs: 0 } : { waiting: 100_000, restMs: 70_000 },
      units: { waiting: "bytes", after: "MiB" },
      rounds: 1,
    },
  ];
}

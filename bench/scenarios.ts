/** What every broker is asked. `quick` asks for next to nothing. */
import type { DrainLoad, SendLoad } from "./contender.ts";
import type { Scenario, Unit } from "./suite.ts";

type Units = Readonly<Record<string, Unit>>;

export function send(name: string, load: SendLoad, units: Units = { rate: "/s" }): Scenario {
  return { name: `send, ${name}`, kind: "send", load, units };
}

export function sendBatches(count: number, units: Units = { rate: "/s" }): Scenario {
  return { name: "send, batches of 100", kind: "sendBatches", load: { count, size: 100 }, units };
}

export function drain(name: string, load: DrainLoad, units: Units = {}): Scenario {
  return {
    name: `drain ${load.waiting}, ${name}`,
    kind: "drain",
    load,
    units: { rate: "/s", cpu: "µs", memory: "MiB", ...units },
    ...(load.waiting > 50_000 ? { rounds: 3 } : {}),
  };
}

export function hear(quick: boolean): Scenario {
  return { name: "events, heard", kind: "hear", load: { events: quick ? 300 : 60_000 }, units: { rate: "/s" } };
}

export function idle(quick: boolean): Scenario {
  return {
    name: "idle worker, send to start",
    kind: "idleLatency",
    load: { samples: quick ? 3 : 200 },
    units: { p50: "ms", p95: "ms", p99: "ms" },
  };
}

export function growth(quick: boolean): readonly Scenario[] {
  const waiting = quick ? [200, 400] : [1_000, 10_000, 100_000, 1_000_000];
  return waiting.map((count) => ({
    name: `with ${count} waiting`,
    kind: "growth",
    load: { waiting: count, drained: quick ? 100 : Math.min(count, 10_000) },
    units: { send: "/s", drain: "/s" },
    ...(count > 50_000 ? { rounds: count > 500_000 ? 1 : 3 } : {}),
  }));
}

/** `restMs` is how long a broker needs to give back what is done. */
export function room(quick: boolean, restMs: number): Scenario {
  return {
    name: "room",
    kind: "room",
    load: quick ? { waiting: 500, restMs: 0 } : { waiting: 100_000, restMs },
    units: { waiting: "bytes", after: "MiB" },
    rounds: 1,
  };
}

export function delayed(quick: boolean): Scenario {
  const load = quick ? { count: 200, delayMs: 2_500 } : { count: 50_000, delayMs: 12_000 };
  return {
    name: `${load.count} delayed, due at once`,
    kind: "delayed",
    load,
    units: { first: "ms", rate: "/s" },
    rounds: 3,
  };
}

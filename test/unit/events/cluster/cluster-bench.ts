import { ClusterState, type ClusterOptions } from "../../../../src/events/cluster/cluster-state.ts";
import type { ReceivedEvent } from "../../../../src/events/event-receiver.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";

/** When its clock begins, in seconds since the epoch. */
export const START: number = Date.parse("2026-01-01T00:00:00Z") / 1000;

export interface ClusterBench {
  readonly clock: FakeClock;
  readonly state: ClusterState;
  /** Applies an event of the worker `w@h`, process 1, unless the fields say otherwise: at the next tick of its clock, a second after the one before. */
  tell(type: string, fields?: Readonly<Record<string, unknown>>): void;
}

export function clusterBench(options: ClusterOptions = {}): ClusterBench {
  const clock = new FakeClock();
  const state = new ClusterState({ ...options, clock });
  let ticks = 0;
  return {
    clock,
    state,
    tell: (type, fields = {}) => {
      ticks += 1;
      const common = { hostname: "w@h", utcoffset: 0, pid: 1, clock: ticks, timestamp: START + ticks };
      const event = { ...common, local_received: clock.now() / 1000, type, ...fields };
      state.apply(event as unknown as ReceivedEvent);
    },
  };
}

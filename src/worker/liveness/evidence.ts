import type { BrokerState, Polling } from "../../broker/broker.ts";
import type { WorkerState } from "../worker-state.ts";

/** How often an event loop shows that it turns, in milliseconds. */
export const BEAT_MS = 500;

/** A task that runs. */
export interface TaskNote {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** What an event loop says of its worker with each beat. Instants are those of the clock's uptime, in milliseconds, unless they say otherwise. */
export interface LoopReport {
  readonly phase: WorkerState;
  /** Undefined before there is one. */
  readonly broker: BrokerState | undefined;
  /** How many queues it consumes from. */
  readonly queues: number;
  /** Undefined before there is a consumer. */
  readonly polling: Polling | undefined;
  /** When it was last seen that it need not ask for messages. */
  readonly idleAt: number;
  /** How many tasks run, and how many may. */
  readonly running: number;
  readonly capacity: number;
  /** How many were begun so far. */
  readonly processed: number;
  /** What runs, longest first; of many, some. */
  readonly tasks: readonly TaskNote[];
  /** Since when there are places free, or none, without a break: in milliseconds since the epoch. */
  readonly since: number;
  /** How late this beat is, in milliseconds. */
  readonly lagMs: number;
  /** What the worker's Lamport clock has counted. */
  readonly lamport: number;
}

/** Everything by which a worker is judged. */
export interface Evidence {
  /** When the event loop was last seen turning, by the clock's uptime in milliseconds; 0 for never. */
  readonly beatAt: number;
  /** As of that moment; undefined before the first. */
  readonly report: LoopReport | undefined;
  /** What the event loop began last, if that was after its last beat and it has not seen the end of it. */
  readonly begun: TaskNote | undefined;
}

import type { Celeriac } from "../../app/celeriac.ts";
import type { PoolName } from "../../app/config.ts";
import type { QueueAccess } from "../../app/queue-table.ts";
import type { Autoscaler } from "../autoscaler.ts";
import type { WorkerLiveness } from "../liveness/worker-liveness.ts";

/** A worker, as remote control sees and steers it. */
export interface ControlledWorker {
  readonly app: Celeriac;
  /** Its node name. */
  readonly node: string;
  /** When it was started, in milliseconds since the epoch. */
  readonly startedAt: number;
  readonly poolName: PoolName;
  /** How it is. */
  readonly liveness: WorkerLiveness;
  /** How many tasks it runs at once, and holds messages of. */
  size(): number;
  /** Undefined where its size is its own affair. */
  readonly autoscaler: Autoscaler | undefined;
  /** Names of the queues that it consumes from now. */
  queues(): readonly string[];
  /** Throws RangeError for less than 1. */
  resize(size: number): void;
  /** Puts fresh threads or processes in the place of those that run tasks; see `Pool.restart`. Undefined where there are none. */
  readonly restartPool: (() => Promise<void>) | undefined;
  /** As `Worker.addQueue`. */
  addQueue(name: string, via?: QueueAccess): Promise<void>;
  cancelQueue(name: string): void;
  /** Begins to stop, with the usual grace. */
  stop(): void;
}

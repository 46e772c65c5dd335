import type { Celeriac } from "../../app/celeriac.ts";
import type { PoolName } from "../../app/config.ts";
import type { QueueAccess } from "../../app/queue-table.ts";

/** A worker, as remote control sees and steers it. */
export interface ControlledWorker {
  readonly app: Celeriac;
  /** Its node name. */
  readonly node: string;
  /** When it was started, in milliseconds since the epoch. */
  readonly startedAt: number;
  readonly poolName: PoolName;
  /** How many tasks it runs at once, and holds messages of. */
  size(): number;
  /** Names of the queues that it consumes from now. */
  queues(): readonly string[];
  /** Throws RangeError for less than 1. */
  resize(size: number): void;
  /** As `Worker.addQueue`. */
  addQueue(name: string, via?: QueueAccess): Promise<void>;
  cancelQueue(name: string): void;
  /** Begins to stop, with the usual grace. */
  stop(): void;
}

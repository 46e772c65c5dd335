import type { PoolName } from "../app/config.ts";
import type { DeadLetterReason } from "../broker/broker.ts";
import type { Logger } from "../util/logger.ts";
import type { AutoscaleOptions } from "./autoscaler.ts";
import type { AppModule } from "./pick-app.ts";

export interface WorkerOptions {
  /** Queues to consume from. @default every queue in `taskQueues`, and `taskDefaultQueue` */
  readonly queues?: readonly string[];
  /** Where tasks run. @default `workerPool` */
  readonly pool?: PoolName;
  /** Tasks that run at once. @default `workerConcurrency` */
  readonly concurrency?: number;
  /** Scales by how many tasks run, in place of `concurrency`. @default none */
  readonly autoscale?: AutoscaleOptions;
  /** The module that exports the app: threads and processes import it. @default none, which only the inline pool can do with */
  readonly appModule?: AppModule;
  /** Globs of task modules to import besides the app's own `include`. @default none */
  readonly include?: readonly string[];
  /** URLs of modules that threads and processes import before the app's, such as a loader of TypeScript. @default none */
  readonly preload?: readonly string[];
  /** The worker's node name. @default `celeriac@<host>` */
  readonly hostname?: string;
  /** Whether it asks the workers that are there, before it takes anything, what they know to be revoked. @default true */
  readonly mingle?: boolean;
  /** Whether it answers the elections of Python's workers. @default true */
  readonly gossip?: boolean;
  /** Whether a thread answers remote control, and sends heartbeats, while a task blocks the event loop, where the broker can be reached from one. @default true */
  readonly livenessThread?: boolean;
  /** Where orchestrators can ask over HTTP how the worker is: `GET /live` and `GET /ready`. @default nowhere */
  readonly health?: HealthOptions;
  /** @default the app's */
  readonly log?: Logger;
}

export interface HealthOptions {
  /** 0 for any that is free; `worker.healthUrl` then tells which. */
  readonly port: number;
  /** The address to listen on: what is told there names tasks, and is for whoever asks. @default "127.0.0.1" */
  readonly host?: string;
  /** For how long a wedged worker still counts as live, in milliseconds. @default 300_000 */
  readonly patienceMs?: number;
}

export interface StopOptions {
  /** How long running tasks may finish, in milliseconds; then they are given up and their messages handed back. @default `workerShutdownGraceMs` */
  readonly graceMs?: number;
  /** What made the worker stop, where that may be a task's doing: what it gives up then counts as delivered, and this is noted. @default none */
  readonly fault?: DeadLetterReason;
}

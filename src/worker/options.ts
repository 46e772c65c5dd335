import type { PoolName } from "../app/config.ts";
import type { DeadLetterReason } from "../broker/broker.ts";
import type { Logger } from "../util/logger.ts";
import type { AppModule } from "./pick-app.ts";

export interface WorkerOptions {
  /** Queues to consume from. @default every queue in `taskQueues`, and `taskDefaultQueue` */
  readonly queues?: readonly string[];
  /** Where tasks run. @default `workerPool` */
  readonly pool?: PoolName;
  /** Tasks that run at once. @default `workerConcurrency` */
  readonly concurrency?: number;
  /** The module that exports the app: threads and processes import it. @default none, which only the inline pool can do with */
  readonly appModule?: AppModule;
  /** Globs of task modules to import besides the app's own `include`. @default none */
  readonly include?: readonly string[];
  /** URLs of modules that threads and processes import before the app's, such as a loader of TypeScript. @default none */
  readonly preload?: readonly string[];
  /** The worker's node name. @default `celeriac@<host>` */
  readonly hostname?: string;
  /** @default the app's */
  readonly log?: Logger;
}

export interface StopOptions {
  /** How long running tasks may finish, in milliseconds; then they are given up and their messages handed back. @default `workerShutdownGraceMs` */
  readonly graceMs?: number;
  /** What made the worker stop, where that may be a task's doing: what it gives up then counts as delivered, and this is noted. @default none */
  readonly fault?: DeadLetterReason;
}

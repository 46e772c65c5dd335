import type { Logger } from "../util/logger.ts";

export interface WorkerOptions {
  /** Queues to consume from. @default every queue in `taskQueues`, and `taskDefaultQueue` */
  readonly queues?: readonly string[];
  /** Tasks that run at once. @default `workerConcurrency` */
  readonly concurrency?: number;
  /** The worker's node name. @default `celeriac@<host>` */
  readonly hostname?: string;
  /** @default the app's */
  readonly log?: Logger;
}

export interface StopOptions {
  /** How long running tasks may finish, in milliseconds; then they are given up and their messages handed back. @default `workerShutdownGraceMs` */
  readonly graceMs?: number;
}

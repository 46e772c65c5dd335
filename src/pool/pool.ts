import type { Failure } from "../backend/failure.ts";
import type { ResultNode } from "../backend/groups.ts";
import type { DeadLetterReason } from "../broker/broker.ts";
import type { EncodedJson } from "../message/json.ts";
import type { Message } from "../message/message.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { Ending } from "../util/ending.ts";

/**
 * THE SEAM to where task bodies run: this event loop, threads, processes. `exercisePool` of `celeriac/testing` is its definition
 * in tests.
 */
export interface Pool extends AsyncDisposable {
  /** How many jobs may run at once. */
  readonly size: number;
  /** How many do. */
  readonly busy: number;
  /** Resolves once jobs can be run; rejects with PoolStartError when they could not be. */
  start(): Promise<void>;
  /** Runs one job, once fewer than `size` are running. The outcome is there at once where nothing had to be waited for. Never rejects: a failure is an outcome. */
  run(job: PoolJob, options: RunOptions): PoolOutcome | Promise<PoolOutcome>;
  /** How many jobs may run from now on. Those that run already finish. */
  resize(size: number): void;
  /**
   * Puts fresh places into use in place of those that there are, one after the other; a job that runs goes on where it is. Resolves once what comes next runs in
   * fresh ones. Rejects with PoolStartError when one cannot be made: those that are left stay in use. Not to be called again before. Undefined where jobs run in
   * the worker's own place.
   */
  restart?(): Promise<void>;
  /** Gives up what runs, and what waits to: as `aborted`. Resolves once nothing is left of the pool; calling it again is fine. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface PoolJob {
  /** The delivery's own message, which `request` was decoded from. */
  readonly message: Message;
  readonly request: TaskRequest;
  readonly delivery: DeliveryInfo;
}

/** How the message came to the worker. Celery: `request.delivery_info`. */
export interface DeliveryInfo {
  readonly queue: string;
  readonly priority: number | null;
  readonly redelivered: boolean;
  readonly deliveries: number;
  readonly fence: number;
}

export interface RunOptions {
  /** When it ends, the run is given up; also before it began. The pool ends it when it is itself disposed. */
  readonly ending: Ending;
  /** After so many milliseconds the task's signal aborts; it may clean up. */
  readonly softMs: number | null;
  /** After so many milliseconds the run is over, whatever the task does. */
  readonly hardMs: number | null;
  /** Called with each value that the task reports. */
  readonly onProgress: (value: EncodedJson) => void;
}

/** Code of what is lost because no place could be made for it: the app's fault or the machine's, and not the task's. */
export const NOT_STARTED = "not-started";

export type PoolOutcome =
  | ReturnedOutcome
  | { readonly kind: "threw"; readonly failure: Failure; readonly children: readonly ResultNode[] }
  /** Another signature takes the task's place. */
  | { readonly kind: "replaced"; readonly by: EncodedJson; readonly added?: EncodedJson }
  | { readonly kind: "retry"; readonly failure: Failure; readonly delayMs: number; readonly changes: RetryChanges }
  /** The task asked that nothing be stored. */
  | { readonly kind: "ignored" }
  | { readonly kind: "rejected"; readonly requeue: boolean; readonly reason: DeadLetterReason }
  | { readonly kind: "timed-out"; readonly limitMs: number }
  | { readonly kind: "aborted" }
  /** The place where it ran is gone, such as a process that died, or could not be made. */
  | { readonly kind: "lost"; readonly reason: DeadLetterReason; readonly cause: Error };

export interface ReturnedOutcome {
  readonly kind: "returned";
  readonly value: EncodedJson;
  /** What the task has sent. */
  readonly children: readonly ResultNode[];
  /** Signatures that are to be members of the task's chord too: a list. */
  readonly added?: EncodedJson;
}

/** What a retry may change in the next call. */
export interface RetryChanges {
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly queue?: string;
  readonly priority?: number;
  /** Not to be started after this moment, or after so many milliseconds; null for no end. @default as before */
  readonly expires?: Date | number | null;
}

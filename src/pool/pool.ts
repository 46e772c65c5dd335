import type { Failure } from "../backend/failure.ts";
import type { DeadLetterReason } from "../broker/broker.ts";
import type { EncodedJson } from "../message/json.ts";
import type { TaskRequest } from "../message/task-request.ts";

/** THE SEAM to where task bodies run: this event loop, threads, processes. */
export interface Pool extends AsyncDisposable {
  /** How many jobs may run at once. */
  readonly size: number;
  readonly busy: number;
  start(): Promise<void>;
  /** Runs one job. Never rejects: a failure is an outcome. */
  run(job: PoolJob, options: RunOptions): Promise<PoolOutcome>;
  /** Resolves once jobs that no longer fit may not start; running ones finish. */
  resize(size: number): Promise<void>;
}

export interface PoolJob {
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
  /** When one of these aborts, the run is over. */
  readonly endedBy: readonly AbortSignal[];
  /** After so many milliseconds the task's signal aborts; it may clean up. */
  readonly softMs: number | null;
  /** After so many milliseconds the run is over, whatever the task does. */
  readonly hardMs: number | null;
  /** Called with each value that the task reports. */
  readonly onProgress: (value: EncodedJson) => void;
}

export type PoolOutcome =
  | { readonly kind: "returned"; readonly value: EncodedJson; readonly children: readonly SentChild[] }
  | { readonly kind: "threw"; readonly failure: Failure; readonly children: readonly SentChild[] }
  | { readonly kind: "retry"; readonly failure: Failure; readonly delayMs: number; readonly changes: RetryChanges }
  /** The task asked that nothing be stored. */
  | { readonly kind: "ignored" }
  | { readonly kind: "rejected"; readonly requeue: boolean; readonly reason: DeadLetterReason }
  | { readonly kind: "timed-out"; readonly limitMs: number }
  | { readonly kind: "aborted" }
  /** The place where it ran is gone: a process that died. */
  | { readonly kind: "lost"; readonly cause: Error };

/** A task that was sent by a task: what `children` of its result shows. */
export interface SentChild {
  readonly id: string;
  readonly parentId: string | null;
}

/** What a retry may change in the next call. */
export interface RetryChanges {
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly queue?: string;
  readonly priority?: number;
}

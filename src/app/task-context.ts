import { AsyncLocalStorage } from "node:async_hooks";
import type { DeliveryInfo, SentChild } from "../pool/pool.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { Logger } from "../util/logger.ts";
import { type Retry, type RetryOptions } from "./steering.ts";

/** What a running task sees of itself. Celery: the bound task's `self` and `self.request`. */
export interface TaskContext {
  readonly id: string;
  /** The task's registered name. */
  readonly task: string;
  /** Id of the first task of the family. */
  readonly rootId: string;
  /** Id of the task that sent this one. */
  readonly parentId: string | null;
  /** How often this task was retried before this run. */
  readonly retries: number;
  /** Greater in every run than in those before it, retries included: a store that remembers the highest can refuse a late finisher. */
  readonly fence: number;
  readonly delivery: DeliveryInfo;
  /** The caller's own headers. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The whole call. */
  readonly request: TaskRequest;
  /** Aborts when the soft time limit is over, and when the run is given up: at the hard limit, with its lease, or by a worker that stops. */
  readonly signal: AbortSignal;
  /** Logs with the task's name and id in every line. */
  readonly log: Logger;
  /** Stores `value` as the result of the state PROGRESS, which whoever holds the result can read. */
  progress(value: unknown): void;
  /** `throw ctx.retry({ delayMs })` ends this run and asks for another. */
  retry(options?: RetryOptions): Retry;
}

/** The run that the calling code is part of, with what it has sent so far. */
export interface CurrentRun {
  readonly context: TaskContext;
  readonly children: SentChild[];
}

const runs = new AsyncLocalStorage<CurrentRun>();

/** The context of the task that the calling code runs in, however deep; undefined outside a task. */
export function currentTask(): TaskContext | undefined {
  return runs.getStore()?.context;
}

export function currentRun(): CurrentRun | undefined {
  return runs.getStore();
}

export function withinRun<T>(run: CurrentRun, body: () => T): T {
  return runs.run(run, body);
}

import { AsyncLocalStorage } from "node:async_hooks";
import type { ResultNode } from "../backend/groups.ts";
import type { MessageProperties } from "../message/message.ts";
import type { DeliveryInfo } from "../pool/pool.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { Logger } from "../util/logger.ts";
import type { FollowUp } from "./send-options.ts";
import type { Replace, Retry, RetryOptions } from "./steering.ts";

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
  /** The properties of the message that the call came with. Celery: `request.properties`. */
  readonly properties: MessageProperties;
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
  /**
   * `throw ctx.replace(canvas)` ends this run; the canvas takes over the task's id and result, and its place in groups, chords and chains. Throws
   * BadReplacementError for a chain without steps, and for a member of a chord; a group without members gives an empty list.
   */
  replace(by: FollowUp): Replace;
  /**
   * Has a canvas be a member too of the chord that this task is in. It is sent once the task has succeeded, and the chord's body waits for it, too. Throws
   * NotInChordError where the task is in none.
   */
  addToChord(canvas: FollowUp): void;
}

/** The run that the calling code is part of, with what it has sent so far. */
export interface CurrentRun {
  readonly context: TaskContext;
  readonly children: ResultNode[];
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

import type { SignatureDict } from "../message/task-request.ts";
import type { Abortable } from "../util/abortable.ts";
import { keysOf } from "./known-keys.ts";

/** How one call is sent. Celery: the options of `apply_async`. */
export interface SendOptions extends Abortable {
  /** Not to be started before so many milliseconds have passed. Not together with `eta`. */
  readonly countdownMs?: number;
  /** Not to be started before this moment. */
  readonly eta?: Date;
  /** Not to be started after this moment, or after so many milliseconds: it then ends REVOKED, `expired`. @default the task's `expiresMs` */
  readonly expires?: Date | number;
  /** 0 to 9; which end is served first is the broker's affair (`BrokerFeatures.priorityOrder`). @default the task's `priority` */
  readonly priority?: number;
  /** Name of the queue. @default the task's queue, else what `taskRoutes` says, else `taskDefaultQueue` */
  readonly queue?: string;
  /** Name of the exchange, in place of a queue. */
  readonly exchange?: string;
  /** @default the queue's own routing key */
  readonly routingKey?: string;
  /** Id of the call; whoever gives the same id twice gets two messages with one result. @default a new UUID */
  readonly taskId?: string;
  /** Sent along, and seen by the task as `ctx.headers`. */
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Retries that count as used already. @default 0 */
  readonly retries?: number;
  /** After so many milliseconds the task's signal aborts. @default the task's `softTimeLimitMs` */
  readonly softTimeLimitMs?: number;
  /** After so many milliseconds the run has failed and its slot is free; what the body still does is not waited for. @default the task's `timeLimitMs` */
  readonly timeLimitMs?: number;
  /** Whether no result is to be stored. @default the task's `ignoreResult` */
  readonly ignoreResult?: boolean;
  /** Name to show in logs and events in place of the task's. */
  readonly shadow?: string;
  /** Queue for replies, for result backends that reply. */
  readonly replyTo?: string;
  /** Sent with the result once the task has succeeded. */
  readonly link?: FollowUp | readonly FollowUp[];
  /** Sent with the failed task's id once the task has failed. */
  readonly linkError?: FollowUp | readonly FollowUp[];
  /** Marks by their names: workers can be told to revoke what has one, and extended results keep them. Celery: canvas stamping. @default none */
  readonly stamps?: Readonly<Record<string, unknown>>;
  /** Whether publishing is tried again when the broker is away, within `publishTimeoutMs`. @default `taskPublishRetry` */
  readonly publishRetry?: boolean;
  /** The pace of those tries. @default `taskPublishRetryPolicy` */
  readonly publishRetryPolicy?: PublishRetryPolicy;
  /** How long publishing may take at most, retries included, in milliseconds. @default `taskPublishTimeoutMs` */
  readonly publishTimeoutMs?: number;
}

/** What of a call's options concerns the act of publishing alone. */
export type PublishOptions = Pick<SendOptions, "signal" | "publishTimeoutMs" | "publishRetry" | "publishRetryPolicy">;

/** What is to be sent later: a canvas, or its JSON form. */
export type FollowUp = SignatureDict | { toDict(): SignatureDict };

/** Celery: `retry_policy` of `apply_async`; here in milliseconds. */
export interface PublishRetryPolicy {
  /** Tries after the first. @default 3 */
  readonly maxRetries?: number;
  /** Wait before the first retry. @default 0 */
  readonly intervalStartMs?: number;
  /** What each further wait adds. @default 200 */
  readonly intervalStepMs?: number;
  /** Longest wait. @default 1_000 */
  readonly intervalMaxMs?: number;
}

/** For callers in JavaScript. */
export const SEND_OPTION_NAMES: ReadonlySet<string> = keysOf<SendOptions>({
  signal: true,
  countdownMs: true,
  eta: true,
  expires: true,
  priority: true,
  queue: true,
  exchange: true,
  routingKey: true,
  taskId: true,
  headers: true,
  retries: true,
  softTimeLimitMs: true,
  timeLimitMs: true,
  ignoreResult: true,
  shadow: true,
  replyTo: true,
  link: true,
  linkError: true,
  stamps: true,
  publishRetry: true,
  publishRetryPolicy: true,
  publishTimeoutMs: true,
});

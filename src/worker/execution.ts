import type { TaskDefinition } from "../app/define-task.ts";
import type { RoutedRequest } from "../app/producer.ts";
import { revokedMeta } from "../app/revoke.ts";
import type { Failure } from "../backend/failure.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import type { DeadLetterReason, Delivery } from "../broker/broker.ts";
import { DeliveryLostError } from "../broker/errors.ts";
import { decodeTask } from "../message/decode-task.ts";
import { UnreadableMessageError } from "../message/errors.ts";
import type { EncodedJson } from "../message/json.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { PoolJob, PoolOutcome, SentChild } from "../pool/pool.ts";
import { toError } from "../util/errors.ts";
import type { LogFields } from "../util/logger.ts";
import { followUpsOfFailure, followUpsOfSuccess, stepsThatNeverRun, unsupportedFollowUp } from "./follow-ups.ts";
import type { WorkerParts } from "./parts.ts";
import { persist } from "./persist.ts";
import { TaskRecord } from "./record.ts";
import { retryRequest } from "./retry.ts";

/** Longest part of a result that a log line shows, in characters. */
const LOGGED_RESULT_LENGTH = 128;

/**
 * One delivery from its arrival to its settling. Settles exactly once, whatever happens; never rejects.
 *
 *     received ─▶ checked ─▶ started ─▶ returned ─▶ follow-ups sent ─▶ SUCCESS stored ─▶ acknowledged
 *        │           │           ├────▶ threw ────▶ errbacks sent ───▶ FAILURE stored ─▶ acknowledged
 *        │           │           ├────▶ retry ────▶ sent again, later ▶ RETRY stored ──▶ acknowledged
 *        │           │           └────▶ lost, given up ─────────────────────────────────▶ handed back
 *        │           └─ expired, revoked ─▶ REVOKED stored ─▶ acknowledged;  not due yet ─▶ deferred
 *        └─ unreadable, unknown task ─▶ dead-lettered
 */
export async function execute(delivery: Delivery, parts: WorkerParts): Promise<void> {
  try {
    const request = decodeTask(delivery.message, { accept: parts.config.acceptContent });
    const definition = parts.tasks.get(request.task);
    if (definition?.body === undefined) await refuseUnknownTask(request, delivery, parts);
    else await new Execution(request, definition, delivery, parts).live();
  } catch (error) {
    await settleAfter(error, delivery, parts);
  }
}

/** The delivery of an execution that could not go on. */
async function settleAfter(error: unknown, delivery: Delivery, { log }: WorkerParts): Promise<void> {
  const { queue, message } = delivery;
  const fields = { queue, id: message.properties.correlationId, error: toError(error).message };
  if (error instanceof DeliveryLostError) {
    log.warn("lease lost, the task runs again elsewhere", fields);
    return;
  }
  try {
    if (error instanceof UnreadableMessageError) {
      log.error("unreadable message, dead-lettered", fields);
      await delivery.deadLetter({ code: "unreadable", detail: error.reason });
    } else {
      log.error("task could not be settled, handed back", fields);
      await delivery.requeue();
    }
  } catch (failure) {
    log.error("delivery could not be settled, its lease will run out", {
      ...fields,
      failure: toError(failure).message,
    });
  }
}

/** Kept for a worker that knows the task; the caller learns at once. Celery: `celery/worker/consumer/consumer.py:on_unknown_task`. */
async function refuseUnknownTask(request: TaskRequest, delivery: Delivery, parts: WorkerParts): Promise<void> {
  const detail = `no task "${request.task}" is registered here`;
  parts.log.error("unknown task, dead-lettered", { task: request.task, id: request.id, queue: delivery.queue });
  const failure: Failure = {
    exc_type: "NotRegistered",
    exc_message: [request.task],
    exc_module: "celery.exceptions",
    traceback: null,
  };
  const meta = new TaskRecord(request, delivery.queue, parts).failed(failure);
  await persist(async () => parts.backend?.store([meta]), parts, delivery.lost);
  await delivery.deadLetter({ code: "unknown-task", detail });
}

class Execution {
  readonly #request: TaskRequest;
  readonly #definition: TaskDefinition;
  readonly #delivery: Delivery;
  readonly #parts: WorkerParts;
  readonly #record: TaskRecord;
  /** How long the body ran. */
  #seconds = 0;

  constructor(request: TaskRequest, definition: TaskDefinition, delivery: Delivery, parts: WorkerParts) {
    this.#request = request;
    this.#definition = definition;
    this.#delivery = delivery;
    this.#parts = parts;
    this.#record = new TaskRecord(request, delivery.queue, parts);
  }

  async live(): Promise<void> {
    this.#parts.log.debug("task received", this.#fields({ queue: this.#delivery.queue }));
    if (await this.#isSettledUnstarted()) return;
    await this.#settle(await this.#run());
  }

  /** Whether the task needs no run, or not now: then the delivery is settled. */
  async #isSettledUnstarted(): Promise<boolean> {
    const { eta, expires, id, followUps } = this.#request;
    const { clock, revocations, log } = this.#parts;
    const unsupported = unsupportedFollowUp(followUps);
    if (unsupported !== undefined) {
      await this.#deadLetter({ code: "unsupported-canvas", detail: unsupported });
    } else if (await revocations.has(id)) {
      await this.#endRevoked("revoked");
    } else if (expires !== null && expires.getTime() <= clock.now()) {
      await this.#endRevoked("expired");
    } else if (eta !== null && eta.getTime() > clock.now()) {
      log.debug("task not due yet, deferred", this.#fields({ eta: eta.toISOString() }));
      await this.#delivery.defer(eta);
    } else {
      return false;
    }
    return true;
  }

  async #run(): Promise<PoolOutcome> {
    const { pool, clock, config } = this.#parts;
    const { timeLimit } = this.#request;
    const { options } = this.#definition;
    const startedAt = clock.now();
    if (options.trackStarted ?? config.taskTrackStarted) this.#storeOnTheWay(this.#record.started());
    const outcome = await pool.run(this.#job(), {
      signal: this.#parts.giveUp,
      softMs: timeLimit.softMs ?? options.softTimeLimitMs ?? milliseconds(config.taskSoftTimeLimit),
      hardMs: timeLimit.hardMs ?? options.timeLimitMs ?? milliseconds(config.taskTimeLimit),
      onProgress: (value) => this.#storeOnTheWay(this.#record.progress(value)),
    });
    this.#seconds = (clock.now() - startedAt) / 1000;
    return outcome;
  }

  #job(): PoolJob {
    const { queue, deliveries, fence, message } = this.#delivery;
    const priority = message.properties.priority ?? null;
    return { request: this.#request, delivery: { queue, priority, deliveries, fence, redelivered: deliveries > 1 } };
  }

  #settle(outcome: PoolOutcome): Promise<void> {
    switch (outcome.kind) {
      case "returned":
        return this.#endSucceeded(outcome.value, outcome.children);
      case "threw":
        return this.#endFailed(outcome.failure, outcome.children);
      case "timed-out":
        return this.#endFailed(timeLimitExceeded(outcome.limitMs), []);
      case "retry":
        return this.#endRetried(outcome);
      case "ignored":
        this.#parts.log.info("task ignored", this.#fields());
        return this.#delivery.ack();
      case "rejected":
        return outcome.requeue ? this.#handBack("task rejected, requeued") : this.#deadLetter(outcome.reason);
      case "aborted":
        return this.#handBack("task given up, handed back");
      case "lost":
        return this.#handBack("task lost, handed back", { error: outcome.cause.message });
    }
  }

  async #endSucceeded(value: EncodedJson, children: readonly SentChild[]): Promise<void> {
    const followUps = await followUpsOfSuccess(this.#request, value, this.#parts);
    await this.#send(followUps);
    const sent = followUps.map(({ request: { id, parentId } }) => ({ id, parentId }));
    await this.#store(this.#record.succeeded(value, [...children, ...sent]));
    await this.#delivery.ack();
    const result = value.text.slice(0, LOGGED_RESULT_LENGTH);
    this.#parts.log.info("task succeeded", this.#fields({ seconds: this.#seconds, result }));
  }

  async #endFailed(failure: Failure, children: readonly SentChild[]): Promise<void> {
    await this.#send(await followUpsOfFailure(this.#request, this.#parts));
    await this.#store(this.#record.failed(failure, children));
    await this.#storeAll(
      stepsThatNeverRun(this.#request).map((taskId) => ({ ...this.#record.failed(failure), taskId })),
    );
    await this.#delivery.ack();
    const { exc_type, exc_message, traceback } = failure;
    const error = `${exc_type}: ${exc_message.map(String).join(", ")}`;
    this.#parts.log.error("task failed", this.#fields({ seconds: this.#seconds, error, traceback }));
  }

  async #endRetried(outcome: Extract<PoolOutcome, { kind: "retry" }>): Promise<void> {
    const { clock, log } = this.#parts;
    await this.#send([retryRequest(this.#request, this.#delivery, outcome, clock.now())]);
    await this.#store(this.#record.retried(outcome.failure));
    await this.#delivery.ack();
    const error = `${outcome.failure.exc_type}: ${outcome.failure.exc_message.map(String).join(", ")}`;
    log.warn(
      "task retried",
      this.#fields({ inSeconds: outcome.delayMs / 1000, retries: this.#request.retries + 1, error }),
    );
  }

  async #endRevoked(reason: "revoked" | "expired"): Promise<void> {
    const { id: taskId, parentId, groupId } = this.#request;
    await this.#store(revokedMeta({ taskId, parentId, groupId }, reason, new Date(this.#parts.clock.now())));
    await this.#delivery.ack();
    this.#parts.log.info(reason === "expired" ? "task expired" : "task revoked", this.#fields());
  }

  async #handBack(message: string, fields: LogFields = {}): Promise<void> {
    await this.#delivery.requeue();
    this.#parts.log.warn(message, this.#fields(fields));
  }

  async #deadLetter(reason: DeadLetterReason): Promise<void> {
    await this.#delivery.deadLetter(reason);
    this.#parts.log.error("task dead-lettered", this.#fields({ reason: reason.code, detail: reason.detail }));
  }

  async #send(requests: readonly RoutedRequest[]): Promise<void> {
    if (requests.length === 0) return;
    await persist(() => this.#parts.producer.publish(requests), this.#parts, this.#delivery.lost);
  }

  /** Stores an outcome unless the task's results are ignored. */
  async #store(meta: TaskMeta): Promise<void> {
    const { ignoreResult } = this.#request;
    const { storeErrorsEvenIfIgnored = this.#parts.config.taskStoreErrorsEvenIfIgnored } = this.#definition.options;
    if (ignoreResult && !(meta.state === "FAILURE" && storeErrorsEvenIfIgnored)) return;
    await this.#storeAll([meta]);
  }

  async #storeAll(metas: readonly TaskMeta[]): Promise<void> {
    const { backend } = this.#parts;
    if (backend === undefined || metas.length === 0) return;
    await persist(() => backend.store(metas), this.#parts, this.#delivery.lost);
  }

  /** Stores what is only news: a task never waits for it and never fails by it. */
  #storeOnTheWay(meta: TaskMeta): void {
    if (this.#request.ignoreResult) return;
    this.#parts.backend?.store([meta]).catch((error: unknown) => {
      this.#parts.log.warn(
        "state could not be stored",
        this.#fields({ state: meta.state, error: toError(error).message }),
      );
    });
  }

  #fields(more: LogFields = {}): LogFields {
    return { task: this.#request.shadow ?? this.#request.task, id: this.#request.id, ...more };
  }
}

/** Celery: `celery/worker/request.py:Request.on_timeout`. */
function timeLimitExceeded(limitMs: number): Failure {
  return {
    exc_type: "TimeLimitExceeded",
    exc_message: [limitMs / 1000],
    exc_module: "billiard.exceptions",
    traceback: null,
  };
}

function milliseconds(seconds: number | undefined): number | null {
  return seconds === undefined ? null : seconds * 1000;
}

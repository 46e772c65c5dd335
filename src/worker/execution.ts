import type { TaskDefinition } from "../app/define-task.ts";
import { followUpsOfFailure, followUpsOfSuccess, stepsThatNeverRun, unsupportedFollowUp } from "../app/follow-ups.ts";
import type { RoutedRequest } from "../app/producer.ts";
import { retryRequest } from "../app/retry-request.ts";
import { revokedMeta } from "../app/revoke.ts";
import { failureOf, type Failure } from "../backend/failure.ts";
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
import type { WorkerParts } from "./parts.ts";
import { isPassing, persist } from "./persist.ts";
import { TaskRecord } from "./record.ts";

/** Longest part of a result that a log line shows, in characters. */
const LOGGED_RESULT_LENGTH = 128;

/**
 * One delivery from its arrival to its settling. Settles exactly once, whatever happens; never rejects.
 *
 *     received ─▶ checked ─▶ run ─▶ returned ─▶ follow-ups sent ─▶ SUCCESS stored ─▶ acknowledged
 *        │           │        ├───▶ threw ────▶ errbacks sent ───▶ FAILURE stored ─▶ acknowledged
 *        │           │        ├───▶ retry ────▶ RETRY stored ────▶ sent again ─────▶ acknowledged
 *        │           │        └───▶ lost, given up ──────────────────────────────▶ handed back
 *        │           ├─ expired, revoked ─▶ REVOKED stored ─▶ acknowledged
 *        │           ├─ not due yet ─▶ deferred
 *        │           └─ unknown task, follow-up that needs a canvas ─▶ FAILURE stored ─▶ dead-lettered
 *        └─ unreadable ─▶ dead-lettered
 *
 * A follow-up or a retry that cannot be sent makes the task a failure: nobody would learn of it otherwise.
 */
export async function execute(delivery: Delivery, parts: WorkerParts): Promise<void> {
  try {
    const request = decodeTask(delivery.message, { accept: parts.config.acceptContent });
    await new Execution(request, delivery, parts).live();
  } catch (error) {
    await settleAfter(toError(error), delivery, parts);
  }
}

/** The delivery of an execution that could not go on. Nothing goes back to its queue that would only fail there again. */
async function settleAfter(error: Error, delivery: Delivery, { log }: WorkerParts): Promise<void> {
  const { queue, message } = delivery;
  const fields = { queue, id: message.properties.correlationId, error: error.message };
  if (error instanceof DeliveryLostError) {
    log.warn("lease lost, the task runs again elsewhere", fields);
    return;
  }
  try {
    if (isPassing(error)) {
      log.error("task could not be settled, handed back", fields);
      await delivery.requeue();
    } else {
      log.error("message dead-lettered", { ...fields, stack: error.stack });
      await delivery.deadLetter(reasonOf(error));
    }
  } catch (failure) {
    log.error("delivery could not be settled, its lease will run out", {
      ...fields,
      failure: toError(failure).message,
    });
  }
}

function reasonOf(error: Error): DeadLetterReason {
  if (error instanceof UnreadableMessageError) return { code: "unreadable", detail: error.reason };
  return { code: "not-settled", detail: `${error.name}: ${error.message}` };
}

class Execution {
  readonly #request: TaskRequest;
  readonly #delivery: Delivery;
  readonly #parts: WorkerParts;
  readonly #record: TaskRecord;
  /** How long the body ran. */
  #seconds = 0;
  #isSettling = false;

  constructor(request: TaskRequest, delivery: Delivery, parts: WorkerParts) {
    this.#request = request;
    this.#delivery = delivery;
    this.#parts = parts;
    this.#record = new TaskRecord(request, delivery.queue, parts);
  }

  async live(): Promise<void> {
    this.#parts.log.debug("task received", this.#fields({ queue: this.#delivery.queue }));
    const definition = this.#parts.tasks.get(this.#request.task);
    if (definition?.body === undefined) return this.#refuse("unknown-task", notRegistered(this.#request.task));
    const unsupported = unsupportedFollowUp(this.#request.followUps);
    if (unsupported !== undefined) return this.#refuse("unsupported-canvas", needsCanvas(unsupported));
    if (await this.#isSettledUnstarted()) return undefined;
    const outcome = await this.#run(definition);
    this.#isSettling = true;
    return this.#settle(outcome);
  }

  /** Whether the task needs no run, or not now: then the delivery is settled. */
  async #isSettledUnstarted(): Promise<boolean> {
    const { eta, expires, id } = this.#request;
    const { clock, revocations, log } = this.#parts;
    if (await revocations.has(id)) {
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

  async #run({ options }: TaskDefinition): Promise<PoolOutcome> {
    const { pool, clock, config, giveUp } = this.#parts;
    const { timeLimit } = this.#request;
    const startedAt = clock.now();
    if (options.trackStarted ?? config.taskTrackStarted) this.#storeOnTheWay(this.#record.started());
    const outcome = await pool.run(this.#job(), {
      endedBy: [giveUp, this.#delivery.lost],
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
        return this.#endReturned(outcome.value, outcome.children);
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

  async #endReturned(value: EncodedJson, children: readonly SentChild[]): Promise<void> {
    let followUps: readonly RoutedRequest[];
    try {
      followUps = await followUpsOfSuccess(this.#request, value, this.#parts.producer);
      await this.#send(followUps);
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.#endFailed(failureOf(error), children);
      return;
    }
    const sent = followUps.map(({ request: { id, parentId } }) => ({ id, parentId }));
    await this.#store(this.#record.succeeded(value, [...children, ...sent]));
    await this.#delivery.ack();
    const result = value.text.slice(0, LOGGED_RESULT_LENGTH);
    this.#parts.log.info("task succeeded", this.#fields({ seconds: this.#seconds, result }));
  }

  async #endFailed(failure: Failure, children: readonly SentChild[]): Promise<void> {
    await this.#sendErrbacks();
    await this.#store(this.#record.failed(failure, children));
    const neverRun = stepsThatNeverRun(this.#request);
    await this.#storeAll(neverRun.map((taskId) => ({ ...this.#record.failed(failure), taskId })));
    await this.#delivery.ack();
    const { traceback } = failure;
    const error = describe(failure);
    this.#parts.log.error("task failed", this.#fields({ seconds: this.#seconds, error, traceback }));
  }

  /** RETRY is stored before the next run exists, or it could cover up that run's end. */
  async #endRetried(outcome: Extract<PoolOutcome, { kind: "retry" }>): Promise<void> {
    const { clock, log } = this.#parts;
    try {
      await this.#store(this.#record.retried(outcome.failure));
      const route = { exchange: "", routingKey: outcome.changes.queue ?? this.#delivery.queue };
      await this.#send([{ request: retryRequest(this.#request, outcome, clock.now()), route }]);
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.#endFailed(failureOf(error), []);
      return;
    }
    await this.#delivery.ack();
    const { delayMs, failure } = outcome;
    const retries = this.#request.retries + 1;
    log.warn("task retried", this.#fields({ inSeconds: delayMs / 1000, retries, error: describe(failure) }));
  }

  async #endRevoked(reason: "revoked" | "expired"): Promise<void> {
    const { id: taskId, parentId, groupId } = this.#request;
    await this.#store(revokedMeta({ taskId, parentId, groupId }, reason, new Date(this.#parts.clock.now())));
    await this.#delivery.ack();
    this.#parts.log.info(reason === "expired" ? "task expired" : "task revoked", this.#fields());
  }

  /** Kept for a worker that can run it; the caller learns at once. Celery: `celery/worker/consumer/consumer.py:on_unknown_task`. */
  async #refuse(code: string, failure: Failure): Promise<void> {
    await this.#storeAll([this.#record.failed(failure)]);
    await this.#deadLetter({ code, detail: describe(failure) });
  }

  async #handBack(message: string, fields: LogFields = {}): Promise<void> {
    await this.#delivery.requeue();
    this.#parts.log.warn(message, this.#fields(fields));
  }

  async #deadLetter(reason: DeadLetterReason): Promise<void> {
    await this.#delivery.deadLetter(reason);
    this.#parts.log.error("task dead-lettered", this.#fields({ reason: reason.code, detail: reason.detail }));
  }

  /** An errback that cannot be sent changes nothing: the task has failed already. */
  async #sendErrbacks(): Promise<void> {
    try {
      await this.#send(await followUpsOfFailure(this.#request, this.#parts.producer));
    } catch (error) {
      if (isPassing(error)) throw error;
      this.#parts.log.error("errbacks could not be sent", this.#fields({ error: toError(error).message }));
    }
  }

  async #send(requests: readonly RoutedRequest[]): Promise<void> {
    if (requests.length === 0) return;
    const { producer, giveUp } = this.#parts;
    const { lost } = this.#delivery;
    const until = AbortSignal.any([lost, giveUp]);
    await persist(() => producer.publishOnce(requests, until), this.#parts, lost);
  }

  /** Stores an outcome unless the task's results are ignored. */
  async #store(meta: TaskMeta): Promise<void> {
    const { task, ignoreResult } = this.#request;
    const { tasks, config } = this.#parts;
    const keepsErrors = tasks.get(task)?.options.storeErrorsEvenIfIgnored ?? config.taskStoreErrorsEvenIfIgnored;
    if (ignoreResult && !(meta.state === "FAILURE" && keepsErrors)) return;
    await this.#storeAll([meta]);
  }

  async #storeAll(metas: readonly TaskMeta[]): Promise<void> {
    const { backend } = this.#parts;
    if (backend === undefined || metas.length === 0) return;
    await persist(() => backend.store(metas), this.#parts, this.#delivery.lost);
  }

  /** Stores what is only news: a task never waits for it and never fails by it, and no news comes after the end. */
  #storeOnTheWay(meta: TaskMeta): void {
    if (this.#request.ignoreResult || this.#isSettling) return;
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

function describe({ exc_type, exc_message }: Failure): string {
  return `${exc_type}: ${exc_message.map(String).join(", ")}`;
}

function notRegistered(task: string): Failure {
  return { exc_type: "NotRegistered", exc_message: [task], exc_module: "celery.exceptions", traceback: null };
}

function needsCanvas(why: string): Failure {
  const message = `The task was not run: ${why}, which this version cannot send.`;
  return { exc_type: "NotImplementedError", exc_message: [message], exc_module: "builtins", traceback: null };
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

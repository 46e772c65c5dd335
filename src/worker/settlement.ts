import { followUpsOfFailure, followUpsOfSuccess, stepsThatNeverRun } from "../app/follow-ups.ts";
import type { RoutedRequest } from "../app/producer.ts";
import { retryRequest } from "../app/retry-request.ts";
import { revokedMeta, type RevocationReason } from "../app/revoke.ts";
import { describeFailure, failureOf, type Failure } from "../backend/failure.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import type { DeadLetterReason, Delivery } from "../broker/broker.ts";
import type { EncodedJson } from "../message/json.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { PoolOutcome, SentChild } from "../pool/pool.ts";
import { toError } from "../util/errors.ts";
import type { LogFields } from "../util/logger.ts";
import { workerLost } from "./failures.ts";
import type { WorkerParts } from "./parts.ts";
import { isPassing, persist, WorkerStoppedError } from "./persist.ts";
import type { TaskRecord } from "./record.ts";

/** Longest part of a result that a log line shows, in characters. */
const LOGGED_RESULT_LENGTH = 128;

const DONE = Promise.resolve();

/**
 * How one delivery is settled: what is sent on, then what is stored, then what its message becomes. Exactly one of the methods that end it is
 * called. A message that was acknowledged early, before its run, cannot go back to its queue: where it would, its task has failed.
 */
export class Settlement {
  /** Whether the task was given up here and runs elsewhere. */
  isLeftToOthers = false;
  /** How long the body ran, in seconds. */
  seconds = 0;
  readonly #request: TaskRequest;
  readonly #delivery: Delivery;
  readonly #record: TaskRecord;
  readonly #parts: WorkerParts;
  /** Whether the broker has forgotten the message already. */
  #isAcknowledged = false;

  constructor(request: TaskRequest, delivery: Delivery, record: TaskRecord, parts: WorkerParts) {
    this.#request = request;
    this.#delivery = delivery;
    this.#record = record;
    this.#parts = parts;
  }

  get isAcknowledged(): boolean {
    return this.#isAcknowledged;
  }

  /** Whether the message is this worker's beyond doubt, or has been. */
  get isSure(): boolean {
    return this.#isAcknowledged || this.#delivery.isHeld;
  }

  /** Rejects with DeliveryLostError when the message is another worker's by now: what the run came to does not count then. */
  confirm(): Promise<void> {
    return this.#delivery.confirm();
  }

  async succeed(value: EncodedJson, sentByBody: readonly SentChild[]): Promise<void> {
    let children = sentByBody;
    if (hasFollowUps(this.#request)) {
      try {
        children = [...sentByBody, ...(await this.#sendFollowUps(value))];
      } catch (error) {
        if (isPassing(error)) throw error;
        await this.fail(failureOf(error), sentByBody);
        return;
      }
    }
    if (this.#keeps("SUCCESS")) await this.#storeAll([this.#record.succeeded(value, children)]);
    await this.acknowledge();
    const result = value.text.slice(0, LOGGED_RESULT_LENGTH);
    this.#parts.log.info("task succeeded", taskFields(this.#request, { seconds: this.seconds, result }));
  }

  async #sendFollowUps(value: EncodedJson): Promise<readonly SentChild[]> {
    const followUps = await followUpsOfSuccess(this.#request, value, this.#parts.producer);
    await this.#send(followUps);
    return followUps.map(({ request: { id } }) => ({ id }));
  }

  async fail(failure: Failure, children: readonly SentChild[] = []): Promise<void> {
    await this.#storeFailure(failure, children);
    const error = describeFailure(failure);
    const { traceback } = failure;
    this.#parts.log.error("task failed", taskFields(this.#request, { seconds: this.seconds, error, traceback }));
    const { tasks, config } = this.#parts;
    const acks = tasks.get(this.#request.task)?.options.acksOnFailureOrTimeout ?? config.taskAcksOnFailureOrTimeout;
    await (acks ? this.acknowledge() : this.deadLetter({ code: "failed", detail: error }));
  }

  async #storeFailure(failure: Failure, children: readonly SentChild[]): Promise<void> {
    await this.#sendErrbacks();
    await this.#store(this.#record.failed(failure, children));
    const neverRun = stepsThatNeverRun(this.#request);
    await this.#storeAll(neverRun.map((taskId) => ({ ...this.#record.failed(failure), taskId })));
  }

  /** RETRY is stored before the next run exists, or it could cover up that run's end. */
  async retry(outcome: Extract<PoolOutcome, { kind: "retry" }>): Promise<void> {
    const { clock, log } = this.#parts;
    try {
      await this.#store(this.#record.retried(outcome.failure));
      const route = { exchange: "", routingKey: outcome.changes.queue ?? this.#delivery.queue };
      await this.#send([{ request: retryRequest(this.#request, outcome, clock.now()), route }]);
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.fail(failureOf(error));
      return;
    }
    await this.acknowledge();
    const { delayMs, failure } = outcome;
    const retries = this.#request.retries + 1;
    log.warn(
      "task retried",
      taskFields(this.#request, { inSeconds: delayMs / 1000, retries, error: describeFailure(failure) }),
    );
  }

  async revoke(reason: RevocationReason): Promise<void> {
    const { id: taskId, parentId, groupId } = this.#request;
    await this.#store(revokedMeta({ taskId, parentId, groupId }, reason, new Date(this.#parts.clock.now())));
    await this.acknowledge();
    this.#parts.log.info(`task ${reason}`, taskFields(this.#request));
  }

  reject(requeue: boolean, reason: DeadLetterReason): Promise<void> {
    return requeue ? this.requeue("task rejected, requeued", reason) : this.deadLetter(reason);
  }

  async refuse(code: string, failure: Failure): Promise<void> {
    await this.#storeFailure(failure, []);
    await this.deadLetter({ code, detail: describeFailure(failure) });
  }

  /** It was given up by a worker that stops: not its fault, unless a task's doing has made the worker stop. */
  giveUp(): Promise<void> {
    const why: unknown = this.#parts.giveUp.reason;
    const fault = why instanceof WorkerStoppedError ? why.fault : undefined;
    return fault === undefined ? this.handBack("given up") : this.requeue("task given up, requeued", fault);
  }

  /** Not finished, and not its fault. */
  async handBack(why: string): Promise<void> {
    if (this.#isAcknowledged) return this.fail(workerLost(`Its message was gone already when it ended: ${why}`));
    this.isLeftToOthers = true;
    await this.#delivery.handBack();
    this.#parts.log.warn("task not finished, handed back", taskFields(this.#request, { why }));
  }

  async requeue(message: string, reason: DeadLetterReason): Promise<void> {
    if (this.#isAcknowledged) return this.fail(workerLost(reason.detail));
    await this.#delivery.requeue(reason);
    this.#parts.log.warn(message, taskFields(this.#request, { reason: reason.code, detail: reason.detail }));
  }

  async deadLetter(reason: DeadLetterReason): Promise<void> {
    const fields = taskFields(this.#request, { reason: reason.code, detail: reason.detail });
    if (this.#isAcknowledged) {
      this.#parts.log.error("task cannot be dead-lettered, its message is gone already", fields);
      return;
    }
    await this.#delivery.deadLetter(reason);
    this.#parts.log.error("task dead-lettered", fields);
  }

  acknowledge(): Promise<void> {
    if (this.#isAcknowledged) return DONE;
    this.#isAcknowledged = true;
    return this.#delivery.ack();
  }

  /** An errback that cannot be sent changes nothing: the task has failed already. */
  async #sendErrbacks(): Promise<void> {
    try {
      await this.#send(await followUpsOfFailure(this.#request, this.#parts.producer));
    } catch (error) {
      if (isPassing(error)) throw error;
      this.#parts.log.error("errbacks could not be sent", taskFields(this.#request, { error: toError(error).message }));
    }
  }

  async #send(requests: readonly RoutedRequest[]): Promise<void> {
    if (requests.length === 0) return;
    const { producer, giveUp } = this.#parts;
    const until = AbortSignal.any([this.#delivery.lost, giveUp]);
    await persist(() => producer.publishOnce(requests, until), this.#parts, this.#delivery);
  }

  /** Whether an outcome is stored: a task's results may be ignored, and its failures kept all the same. */
  #keeps(state: TaskMeta["state"]): boolean {
    const { task, ignoreResult } = this.#request;
    const { tasks, config, backend } = this.#parts;
    if (backend === undefined) return false;
    if (!ignoreResult) return true;
    const keepsErrors = tasks.get(task)?.options.storeErrorsEvenIfIgnored ?? config.taskStoreErrorsEvenIfIgnored;
    return state === "FAILURE" && keepsErrors;
  }

  async #store(meta: TaskMeta): Promise<void> {
    if (this.#keeps(meta.state)) await this.#storeAll([meta]);
  }

  async #storeAll(metas: readonly TaskMeta[]): Promise<void> {
    const { backend, log } = this.#parts;
    if (backend === undefined || metas.length === 0) return;
    const refused = await persist(() => backend.store(metas), this.#parts, this.#delivery);
    if (refused.length > 0)
      log.warn(
        "late run refused, a newer one has told its outcome",
        taskFields(this.#request, { fence: this.#delivery.fence }),
      );
  }
}

function hasFollowUps({ followUps: { callbacks, chain } }: TaskRequest): boolean {
  return callbacks.length > 0 || chain.length > 0;
}

/** What every log line of a task tells. */
export function taskFields({ task, shadow, id }: TaskRequest, more: LogFields = {}): LogFields {
  return { task: shadow ?? task, id, ...more };
}

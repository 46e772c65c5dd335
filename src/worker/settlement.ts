import { NOTHING_TO_DISPATCH, type Dispatch } from "../app/dispatch.ts";
import { additionsOf, followUpsOfSuccess, replacementsOf, stepsThatNeverRun } from "../app/follow-ups.ts";
import { retryRequest } from "../app/retry-request.ts";
import { revokedMeta, type RevocationReason } from "../app/revoke.ts";
import { ignored, rejected } from "../backend/chord-outcome.ts";
import type { ChordPart } from "../backend/chords.ts";
import { describeFailure, failureDocument, failureOf, type Failure } from "../backend/failure.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import type { DeadLetterReason, Delivery } from "../broker/broker.ts";
import { tasksOfResult, type ResultNode } from "../backend/groups.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { idsOfCall } from "../canvas/unrun.ts";
import type { EncodedJson } from "../message/json.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import type { PoolOutcome, ReturnedOutcome } from "../pool/pool.ts";
import { andThen } from "../util/and-then.ts";
import { toError } from "../util/errors.ts";
import { Chords } from "./chords.ts";
import { tellErrbacks } from "./errbacks.ts";
import { workerLost } from "./failures.ts";
import { ignoresResult } from "./ignores-result.ts";
import type { WorkerParts } from "./parts.ts";
import { isPassing, persist, persistAndThen, WorkerStoppedError } from "./persist.ts";
import type { TaskRecord } from "./record.ts";
import { sendOn } from "./send-on.ts";
import { taskFields } from "./task-fields.ts";

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

  succeed(outcome: ReturnedOutcome): Promise<void> {
    const { value, children, added } = outcome;
    return added !== undefined || hasFollowUps(this.#request)
      ? this.#sendOnAndSucceed(outcome)
      : this.#succeedWith(value, children);
  }

  async #sendOnAndSucceed({ value, children: sentByBody, added }: ReturnedOutcome): Promise<void> {
    let children: readonly ResultNode[];
    try {
      const joining = added === undefined ? [] : await this.#addToChord(added);
      children = [...sentByBody, ...joining, ...(await this.#sendFollowUps(value))];
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.fail(failureOf(error), sentByBody);
      return;
    }
    await this.#succeedWith(value, children);
  }

  /** No async function: nearly every task comes here, and each promise costs it more than what is done. */
  #succeedWith(value: EncodedJson, children: readonly ResultNode[]): Promise<void> {
    const end = (counts: boolean): Promise<void> => {
      const isAwaited = counts && this.#request.followUps.chord !== null;
      const joined = isAwaited ? this.#joinChords({ state: "SUCCESS", result: value }) : undefined;
      return andThen(joined, () => this.acknowledge().then(() => this.#tellSuccess(value, counts)));
    };
    return this.#keeps("SUCCESS") ? this.#storeAndThen([this.#record.succeeded(value, children)], end) : end(true);
  }

  /** Monitors hear of no outcome that a newer run has overtaken. */
  #tellSuccess(value: EncodedJson, counts: boolean): void {
    if (counts) this.#parts.taskEvents.succeeded(this.#request, value, this.seconds);
    const result = value.text.slice(0, LOGGED_RESULT_LENGTH);
    this.#parts.log.info("task succeeded", taskFields(this.#request, { seconds: this.seconds, result }));
  }

  async #sendFollowUps(value: EncodedJson): Promise<readonly ResultNode[]> {
    return this.#sendOn(await followUpsOfSuccess(this.#request, value, this.#parts.producer));
  }

  async #sendOn(dispatch: Dispatch): Promise<readonly ResultNode[]> {
    await sendOn(dispatch, this.#parts, this.#delivery);
    return dispatch.results;
  }

  /** The chord knows of them before they are sent: none could be the last to come, and leave others out. */
  async #addToChord(added: EncodedJson): Promise<readonly ResultNode[]> {
    const dispatch = await additionsOf(this.#request, added, this.#parts.producer);
    const { chords } = this.#parts.backend as ResultBackend;
    const ids = dispatch.results.flatMap(tasksOfResult);
    await persist(() => chords.grow(this.#request.groupId as string, ids), this.#parts, this.#delivery);
    return this.#sendOn(dispatch);
  }

  async fail(failure: Failure, children: readonly ResultNode[] = []): Promise<void> {
    const counts = await this.#storeFailure(failure, children);
    const error = describeFailure(failure);
    const { traceback } = failure;
    this.#parts.log.error("task failed", taskFields(this.#request, { seconds: this.seconds, error, traceback }));
    const { tasks, config } = this.#parts;
    const acks = tasks.get(this.#request.task)?.options.acksOnFailureOrTimeout ?? config.taskAcksOnFailureOrTimeout;
    await (acks ? this.acknowledge() : this.deadLetter({ code: "failed", detail: error }));
    if (counts) this.#parts.taskEvents.failed(this.#request, failure);
  }

  /** False when a newer run has told of the task. */
  async #storeFailure(failure: Failure, children: readonly ResultNode[]): Promise<boolean> {
    if (!(await this.#store(this.#record.failed(failure, children)))) return false;
    await tellErrbacks(this.#request, this.#request.followUps.errbacks, failure, this.#parts, this.#delivery);
    const neverRun = await this.#stepsThatNeverRun();
    await this.#storeAll(neverRun.flatMap((step) => this.#record.neverRun(step, failure) ?? []));
    await this.#joinChords({ state: "FAILURE", result: failureDocument(failure) });
    return true;
  }

  /** RETRY is stored and told before the next run exists, or it could cover up that run's end. */
  async retry(outcome: Extract<PoolOutcome, { kind: "retry" }>): Promise<void> {
    const { clock, log } = this.#parts;
    const { delayMs, failure } = outcome;
    try {
      await this.#store(this.#record.retried(failure));
      this.#parts.taskEvents.retried(this.#request, failure);
      const route = { exchange: "", routingKey: outcome.changes.queue ?? this.#delivery.queue };
      const next = retryRequest(this.#request, outcome, clock.now());
      await this.#sendOn({ ...NOTHING_TO_DISPATCH, requests: [{ request: next, route }] });
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.fail(failureOf(error));
      return;
    }
    await this.acknowledge();
    const retries = this.#request.retries + 1;
    log.warn(
      "task retried",
      taskFields(this.#request, { inSeconds: delayMs / 1000, retries, error: describeFailure(failure) }),
    );
  }

  /** Nothing is stored: the result is the replacement's to tell. */
  async replace({ by, added }: Extract<PoolOutcome, { kind: "replaced" }>): Promise<void> {
    try {
      if (added !== undefined) await this.#addToChord(added);
      await this.#sendOn(await replacementsOf(this.#request, by, this.#parts.producer));
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.fail(failureOf(error));
      return;
    }
    await this.acknowledge();
    this.#parts.log.info("task replaced", taskFields(this.#request));
  }

  async revoke(reason: RevocationReason): Promise<void> {
    const { id: taskId, parentId, groupId, replyTo } = this.#request;
    const now = new Date(this.#parts.clock.now());
    const meta = revokedMeta({ taskId, parentId, groupId, replyTo }, reason, now);
    await this.#store(meta);
    const neverRun = (await this.#stepsThatNeverRun()).flatMap(idsOfCall);
    await this.#storeAll(neverRun.map((ids) => revokedMeta({ replyTo, ...ids, parentId: null }, reason, now)));
    await this.#joinChords({ state: meta.state, result: meta.result });
    await this.acknowledge();
    this.#parts.taskEvents.revoked(this.#request, reason);
    this.#parts.log.info(`task ${reason}`, taskFields(this.#request));
  }

  /** Nothing is stored, as the task asked; a chord does not wait for it for ever. */
  async ignore(): Promise<void> {
    await this.#joinChords({ state: "FAILURE", result: failureDocument(ignored()) });
    await this.acknowledge();
    this.#parts.log.info("task ignored", taskFields(this.#request));
  }

  async reject(requeue: boolean, reason: DeadLetterReason): Promise<void> {
    if (requeue) return this.requeue("task rejected, requeued", reason);
    const failure = rejected(reason.detail);
    const counts = await this.#storeFailure(failure, []);
    await this.deadLetter(reason);
    if (counts) this.#parts.taskEvents.failed(this.#request, failure);
  }

  async refuse(code: string, failure: Failure): Promise<void> {
    const counts = await this.#storeFailure(failure, []);
    await this.deadLetter({ code, detail: describeFailure(failure) });
    if (counts) this.#parts.taskEvents.failed(this.#request, failure);
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
    this.#parts.taskEvents.cancelled(this.#request);
    this.#parts.log.warn("task not finished, handed back", taskFields(this.#request, { why }));
  }

  async requeue(message: string, reason: DeadLetterReason): Promise<void> {
    if (this.#isAcknowledged) return this.fail(workerLost(reason.detail));
    await this.#delivery.requeue(reason);
    this.#parts.taskEvents.rejected(this.#request, { requeue: true });
    this.#parts.log.warn(message, taskFields(this.#request, { reason: reason.code, detail: reason.detail }));
  }

  async deadLetter(reason: DeadLetterReason): Promise<void> {
    const fields = taskFields(this.#request, { reason: reason.code, detail: reason.detail });
    if (this.#isAcknowledged) {
      this.#parts.log.error("task cannot be dead-lettered, its message is gone already", fields);
      return;
    }
    await this.#delivery.deadLetter(reason);
    this.#parts.taskEvents.rejected(this.#request, { requeue: false });
    this.#parts.log.error("task dead-lettered", fields);
  }

  acknowledge(): Promise<void> {
    if (this.#isAcknowledged) return DONE;
    this.#isAcknowledged = true;
    return this.#delivery.ack();
  }

  /** For a task that cannot be settled: its chord does not wait for it for ever. Never rejects. */
  async tellChords(error: Error): Promise<void> {
    try {
      await this.#joinChords({ state: "FAILURE", result: failureDocument(failureOf(error)) });
    } catch (failure) {
      this.#parts.log.error("chord not told", taskFields(this.#request, { error: toError(failure).message }));
    }
  }

  async #joinChords(outcome: Omit<ChordPart, "taskId">): Promise<void> {
    const { chord, chain } = this.#request.followUps;
    const { backend } = this.#parts;
    if (backend === undefined || (chord === null && chain.length === 0)) return;
    const where = { parts: this.#parts, backend };
    await new Chords(this.#request, this.#delivery, this.#record, where).joinAll(this.#request, outcome);
  }

  #stepsThatNeverRun(): Promise<readonly SignatureDict[]> {
    const { canvases } = this.#parts.producer;
    return persist(() => stepsThatNeverRun(this.#request, canvases), this.#parts, this.#delivery);
  }

  /** Whether an outcome is stored: a task's results may be ignored, and its failures kept all the same. */
  #keeps(state: TaskMeta["state"]): boolean {
    const { tasks, config, backend } = this.#parts;
    if (backend === undefined) return false;
    if (!ignoresResult(this.#request, this.#parts)) return true;
    const keepsErrors =
      tasks.get(this.#request.task)?.options.storeErrorsEvenIfIgnored ?? config.taskStoreErrorsEvenIfIgnored;
    return state === "FAILURE" && keepsErrors;
  }

  async #store(meta: TaskMeta): Promise<boolean> {
    return !this.#keeps(meta.state) || this.#storeAll([meta]);
  }

  /** False when a newer run has told of the task. */
  #storeAll(metas: readonly TaskMeta[]): Promise<boolean> {
    return this.#storeAndThen(metas, async (counts) => counts);
  }

  #storeAndThen<T>(metas: readonly TaskMeta[], next: (counts: boolean) => Promise<T>): Promise<T> {
    const { backend } = this.#parts;
    if (backend === undefined || metas.length === 0) return next(true);
    const store = (): Promise<readonly string[]> => backend.store(metas);
    return persistAndThen(store, this.#parts, this.#delivery, (refused) => {
      if (refused.length > 0) this.#tellRefusal();
      return next(refused.length === 0);
    });
  }

  #tellRefusal(): void {
    const fields = taskFields(this.#request, { fence: this.#delivery.fence });
    this.#parts.log.warn("late run refused, a newer one has told its outcome", fields);
  }
}

function hasFollowUps({ followUps: { callbacks, chain } }: TaskRequest): boolean {
  return callbacks.length > 0 || chain.length > 0;
}

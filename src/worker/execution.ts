import { concurrencyKeyOf, type ConcurrencyOptions } from "../app/call-keys.ts";
import type { TaskDefinition } from "../app/define-task.ts";
import { resultsNeeded } from "../app/follow-ups.ts";
import { failureOf } from "../backend/failure.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import type { DeadLetterReason, Delivery } from "../broker/broker.ts";
import { DeliveryLostError } from "../broker/errors.ts";
import { decodeTask } from "../message/decode-task.ts";
import { UnreadableMessageError } from "../message/errors.ts";
import type { TaskRequest } from "../message/task-request.ts";
import { andThen } from "../util/and-then.ts";
import { uptimeOf } from "../util/clock.ts";
import { Ending } from "../util/ending.ts";
import { NOT_STARTED, type PoolJob, type PoolOutcome } from "../pool/pool.ts";
import { NOWHERE } from "../util/roster.ts";
import { toError } from "../util/errors.ts";
import type { ConcurrencyKeys, ConcurrencySlot } from "./concurrency-keys.ts";
import { handedOutTooOften, needsResults, timeLimitExceeded } from "./failures.ts";
import { ignoresResult } from "./ignores-result.ts";
import type { WorkerParts } from "./parts.ts";
import { isPassing } from "./persist.ts";
import type { RateLimiter } from "./rate-limits/rate-limiter.ts";
import { TaskRecord } from "./record.ts";
import type { EndReason, RunningTask } from "./running-task.ts";
import { Settlement } from "./settlement.ts";
import { taskFields } from "./task-fields.ts";

/**
 * One delivery from its arrival to its settling. Settles exactly once, whatever happens; never throws. Calls `onEnd`, once, with false when the task
 * is left to another worker: it was given up here, or its lease was lost.
 *
 *     received ─▶ checked ─▶ run ─▶ returned ─▶ follow-ups sent ─▶ SUCCESS stored ─▶ acknowledged
 *        │           │        ├───▶ threw ────▶ FAILURE stored ──▶ errbacks sent ──▶ acknowledged, or dead-lettered
 *        │           │        ├───▶ retry ────▶ RETRY stored ────▶ sent again ─────▶ acknowledged
 *        │           │        ├───▶ replaced ─▶ replacement sent ──────────────────▶ acknowledged
 *        │           │        ├───▶ terminated ─▶ REVOKED stored ──────────────────▶ acknowledged
 *        │           │        ├───▶ lost ───────────────────────────────────────────▶ requeued, with a note
 *        │           │        └───▶ given up ───────────────────────────────────────▶ handed back
 *        │           ├─ expired, revoked, discarded ─▶ REVOKED stored ─▶ acknowledged
 *        │           ├─ not due yet, over its rate limit, concurrency key taken ─▶ deferred
 *        │           ├─ unknown task ─▶ parked
 *        │           └─ delivered too often, chord where no results are kept ─▶ FAILURE stored ─▶ dead-lettered
 *        └─ unreadable ─▶ dead-lettered
 *
 * A task that has ended joins its chord before its message is let go: see `Chords`. A follow-up or a retry that cannot be sent makes the
 * task a failure: nobody would learn of it otherwise. A task that is acknowledged early, before its run, cannot go back to its queue: where
 * it would, it is a failure too.
 */
export function execute(delivery: Delivery, parts: WorkerParts, onEnd: (isDone: boolean) => void): void {
  let execution: Execution | undefined;
  const fail = (error: unknown): void => void breakOff(error, delivery, parts, execution).then(onEnd);
  try {
    const request = decodeTask(delivery.message, { accept: parts.config.acceptContent });
    const own = (execution = new Execution(request, delivery, parts));
    own.live().then(() => onEnd(!own.isLeftToOthers), fail);
  } catch (error) {
    fail(error);
  }
}

/** Never rejects. */
async function breakOff(
  error: unknown,
  delivery: Delivery,
  parts: WorkerParts,
  execution: Execution | undefined,
): Promise<boolean> {
  if (!isPassing(error)) await execution?.tellChords(toError(error));
  await settleAfter(toError(error), delivery, parts);
  execution?.tellBrokenOff(error);
  return !isPassing(error);
}

/** The delivery of an execution that could not go on. Nothing goes back to its queue that would only fail there again. */
async function settleAfter(error: Error, delivery: Delivery, { log }: WorkerParts): Promise<void> {
  const { queue, message, fence } = delivery;
  const fields = { queue, id: message.properties.correlationId, error: error.message };
  if (error instanceof DeliveryLostError) {
    log.warn("lease lost, the task runs again elsewhere", { ...fields, fence });
    // It keeps its place until it is settled. Where it was, there is nothing more to do.
    await delivery.handBack().catch(() => undefined);
    return;
  }
  try {
    if (isPassing(error)) {
      log.error("task could not be settled, handed back", fields);
      await delivery.handBack();
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

class Execution implements RunningTask {
  place: number = NOWHERE;
  startedAt = 0;
  readonly request: TaskRequest;
  readonly #delivery: Delivery;
  readonly #parts: WorkerParts;
  readonly #record: TaskRecord;
  /** Of the clock's uptime, of which a millisecond has parts: Flower counts no runtime of 0. */
  #begunAt = 0;
  readonly #settlement: Settlement;
  readonly #ending = new Ending();
  #endReason: EndReason | undefined;
  #isOver = false;

  constructor(request: TaskRequest, delivery: Delivery, parts: WorkerParts) {
    this.request = request;
    this.#delivery = delivery;
    this.#parts = parts;
    this.#record = new TaskRecord(request, delivery, parts);
    this.#settlement = new Settlement(request, delivery, this.#record, parts);
  }

  get taskId(): string {
    return this.request.id;
  }

  end(reason: EndReason): void {
    this.#endReason ??= reason;
    this.#ending.end();
  }

  get queue(): string {
    return this.#delivery.queue;
  }

  get deliveries(): number {
    return this.#delivery.deliveries;
  }

  get isAcknowledged(): boolean {
    return this.#settlement.isAcknowledged;
  }

  get isLeftToOthers(): boolean {
    return this.#settlement.isLeftToOthers;
  }

  tellChords(error: Error): Promise<void> {
    return this.#settlement.tellChords(error);
  }

  /** What monitors hear of an execution that could not go on. */
  tellBrokenOff(error: unknown): void {
    const { taskEvents, running } = this.#parts;
    const hasBegun = this.#isOver || running.has(this);
    if (!isPassing(error)) taskEvents.rejected(this.request, { requeue: false });
    else if (hasBegun) taskEvents.cancelled(this.request);
  }

  /** Few of the steps are async functions: each would be a promise more for every task. */
  live(): Promise<void> {
    const { tasks, revocations, backend, log } = this.#parts;
    log.debug("task received", taskFields(this.request, { queue: this.#delivery.queue }));
    const definition = tasks.get(this.request.task);
    if (definition?.body === undefined) return this.#park();
    if (this.#isDeliveredTooOften)
      return this.#settlement.refuse("delivery-limit", handedOutTooOften(this.#delivery.deliveries - 1));
    this.#tellOfEarlierDeliveries();
    const needed = backend === undefined ? resultsNeeded(this.request.followUps) : undefined;
    if (needed !== undefined) return this.#settlement.refuse("no-results", needsResults(needed));
    return andThen(revocations.has(this.request), (isRevoked) =>
      isRevoked ? this.#settlement.revoke("revoked") : this.#liveIfDue(definition),
    );
  }

  /** Somebody had it before: a worker that died, or a run that asked for another. */
  #tellOfEarlierDeliveries(): void {
    const { deliveries, queue } = this.#delivery;
    if (deliveries > 1) this.#parts.log.warn("task delivered again", taskFields(this.request, { queue, deliveries }));
  }

  get #isDeliveredTooOften(): boolean {
    const { workerMaxDeliveries } = this.#parts.config;
    return workerMaxDeliveries !== null && this.#delivery.deliveries > workerMaxDeliveries;
  }

  #liveIfDue(definition: TaskDefinition): Promise<void> {
    const { eta, expires } = this.request;
    const { clock, concurrencyKeys, log } = this.#parts;
    if (expires !== null && expires.getTime() <= clock.now()) return this.#settlement.revoke("expired");
    if (eta !== null && eta.getTime() > clock.now()) {
      this.#parts.taskEvents.deferred(this.request);
      log.debug("task not due yet, deferred", taskFields(this.request, { eta: eta.toISOString() }));
      return this.#delivery.defer(eta);
    }
    const limiter = this.#parts.rateLimits.of(definition);
    if (limiter?.isNear === false) return this.#waitForTurn(limiter);
    const { concurrency } = definition.options;
    if (concurrency !== undefined && concurrencyKeys !== undefined)
      return this.#liveWithinKey(definition, concurrency, concurrencyKeys, limiter);
    return this.#liveInTurn(definition, limiter);
  }

  async #liveWithinKey(
    definition: TaskDefinition,
    concurrency: ConcurrencyOptions,
    keys: ConcurrencyKeys,
    limiter: RateLimiter | undefined,
  ): Promise<void> {
    let key: string;
    try {
      key = concurrencyKeyOf(this.request, concurrency);
    } catch (error) {
      await this.#settlement.fail(failureOf(error));
      return;
    }
    await using slot = await keys.claim(key, concurrency, { taskId: this.request.id, fence: this.#delivery.fence });
    if (slot !== undefined) {
      await this.#liveInTurn(definition, limiter, slot);
    } else if (concurrency.onBusy === "discard") {
      await this.#settlement.revoke("discarded");
    } else {
      const until = new Date(this.#parts.clock.now() + keys.patienceMs());
      this.#parts.log.debug(
        "concurrency key taken, deferred",
        taskFields(this.request, { key, until: until.toISOString() }),
      );
      await this.#delivery.defer(until);
    }
  }

  /** The turn comes last: it is spent by what nothing else keeps from running. */
  #liveInTurn(definition: TaskDefinition, limiter: RateLimiter | undefined, slot?: ConcurrencySlot): Promise<void> {
    const { rateLimits, giveUp } = this.#parts;
    if (limiter === undefined) return this.#runAndSettle(definition, slot);
    return andThen(limiter.take(), async (inMs) => {
      if (inMs === undefined) return this.#waitForTurn(limiter);
      await rateLimits.turn(limiter, inMs);
      if (giveUp.aborted) return this.#delivery.handBack();
      const ended = await this.#endedMeanwhile();
      return ended === undefined ? this.#runAndSettle(definition, slot) : this.#settlement.revoke(ended);
    });
  }

  /** What has befallen a task that waited here for its turn. */
  async #endedMeanwhile(): Promise<"revoked" | "expired" | undefined> {
    const { revocations, clock } = this.#parts;
    const { expires } = this.request;
    if (await revocations.has(this.request)) return "revoked";
    return expires !== null && expires.getTime() <= clock.now() ? "expired" : undefined;
  }

  #waitForTurn(limiter: RateLimiter): Promise<void> {
    const until = new Date(this.#parts.clock.now() + limiter.waitMs());
    this.#parts.log.debug("over its rate limit, deferred", taskFields(this.request, { until: until.toISOString() }));
    return this.#delivery.defer(until);
  }

  #runAndSettle({ options }: TaskDefinition, slot?: ConcurrencySlot): Promise<void> {
    this.#parts.taskEvents.received(this.request);
    const acksLate = options.acksLate ?? this.#parts.config.taskAcksLate;
    return acksLate ? this.#runNow(options, slot) : this.#runAcknowledged(options, slot);
  }

  #runNow(options: TaskDefinition["options"], slot: ConcurrencySlot | undefined): Promise<void> {
    this.startedAt = this.#parts.clock.now();
    this.#begunAt = uptimeOf(this.#parts.clock);
    return andThen(this.#run(options, slot), (outcome) => this.#settleSurely(outcome));
  }

  /** Its message is gone, but not its place. */
  async #runAcknowledged(options: TaskDefinition["options"], slot: ConcurrencySlot | undefined): Promise<void> {
    const { placesApart } = this.#parts;
    placesApart.take();
    try {
      await this.#settlement.acknowledge();
      await this.#runNow(options, slot);
    } finally {
      placesApart.leave();
    }
  }

  #settleSurely(outcome: PoolOutcome): Promise<void> {
    const { clock, running } = this.#parts;
    running.delete(this);
    this.#isOver = true;
    this.#settlement.seconds = (uptimeOf(clock) - this.#begunAt) / 1000;
    return andThen(this.#settlement.isSure ? undefined : this.#settlement.confirm(), () => this.#settle(outcome));
  }

  #run(options: TaskDefinition["options"], slot: ConcurrencySlot | undefined): PoolOutcome | Promise<PoolOutcome> {
    const { pool, config, running, revocations, totals, timeLimits, taskEvents } = this.#parts;
    totals.add(this.request.task);
    taskEvents.started(this.request);
    if (options.trackStarted ?? config.taskTrackStarted) this.#storeOnTheWay(this.#record.started());
    running.add(this);
    revocations.lookOut();
    this.#endWithLeases(slot);
    const { softMs, hardMs } = timeLimits.ofCall(this.request, options);
    return pool.run(this.#job(), {
      ending: this.#ending,
      softMs,
      hardMs,
      onProgress: (value) => this.#storeOnTheWay(this.#record.progress(value)),
    });
  }

  /** A run that nothing covers any more is ended, and so is one that its worker gave up while it was being prepared. */
  #endWithLeases(slot: ConcurrencySlot | undefined): void {
    if (this.#parts.giveUp.aborted) this.end("given-up");
    if (!this.#settlement.isAcknowledged) this.#delivery.onLost(() => this.end("lost"));
    slot?.lost.addEventListener("abort", () => this.end("lost"));
  }

  #job(): PoolJob {
    const { queue, deliveries, fence, message } = this.#delivery;
    const priority = message.properties.priority ?? null;
    const delivery = { queue, priority, deliveries, fence, redelivered: deliveries > 1 };
    return { message, request: this.request, delivery };
  }

  #settle(outcome: PoolOutcome): Promise<void> {
    switch (outcome.kind) {
      case "returned":
        return this.#settlement.succeed(outcome);
      case "threw":
        return this.#settlement.fail(outcome.failure, outcome.children);
      case "timed-out":
        return this.#settlement.fail(timeLimitExceeded(outcome.limitMs));
      case "retry":
        return this.#settlement.retry(outcome);
      case "replaced":
        return this.#settlement.replace(outcome);
      case "ignored":
        return this.#settlement.ignore();
      case "rejected":
        return this.#settlement.reject(outcome.requeue, outcome.reason);
      case "aborted":
        return this.#endReason === "terminated" ? this.#settlement.revoke("terminated") : this.#settlement.giveUp();
      case "lost":
        if (outcome.reason.code === NOT_STARTED) return this.#settlement.handBack(outcome.reason.detail);
        return this.#settlement.requeue("task lost, requeued", outcome.reason);
    }
  }

  /** Kept for a worker that can run it. */
  #park(): Promise<void> {
    return this.#parts.parkedTasks.park(this.#delivery, this.request.task, this.request.id);
  }

  /** Stores what is only news: a task never waits for it and never fails by it, and no news comes after the end. */
  #storeOnTheWay(meta: TaskMeta): void {
    if (this.#isOver || ignoresResult(this.request, this.#parts)) return;
    this.#parts.backend?.store([meta]).catch((error: unknown) => {
      this.#parts.log.warn(
        "state could not be stored",
        taskFields(this.request, { state: meta.state, error: toError(error).message }),
      );
    });
  }
}

import { randomUUID } from "node:crypto";

import { AsyncQueue } from "../../util/async-queue.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import type { Clock } from "../../util/clock.ts";
import { deferred } from "../../util/deferred.ts";
import type { Deferred } from "../../util/deferred.ts";
import { endOfTurn } from "../../util/end-of-turn.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import type { Consumer, ConsumeOptions, Delivery } from "../broker.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../errors.ts";
import type { LeaseKeeper } from "../leases/lease-keeper.ts";
import { atMost } from "../../util/at-most.ts";
import { Attendance } from "./attendance.ts";
import type { Settlement } from "./message-store.ts";
import { QueuedDelivery } from "./queued-delivery.ts";
import type { DeliveryOwner } from "./queued-delivery.ts";
import type { Settler } from "./settler.ts";
import type { StoreConnection } from "./store-connection.ts";

/** Longest wait of one take, in milliseconds: so often at least is the store asked anew. */
const TAKE_WAIT_MS = 5_000;

/** How long disposing waits for the store, in milliseconds. */
const DISPOSE_MS = 2_000;

/** Some seconds go by at each try where nothing answers: pauses may add but little to them. */
const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

export interface ConsumerContext {
  readonly connection: StoreConnection;
  readonly settler: Settler;
  readonly keeper: LeaseKeeper;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leaseMs: number;
  readonly onDisposed: (consumer: QueuedConsumer) => void;
}

/** Takes as many messages as its credit allows, prefetch less what nobody has settled yet, and hands them out one by one. */
export class QueuedConsumer implements Consumer, DeliveryOwner {
  readonly #context: ConsumerContext;
  readonly #queues: Set<string>;
  #prefetch: number;
  /** Everything taken and not settled yet; what of it was not yielded yet is in the buffer too. */
  readonly #unsettled = new Set<QueuedDelivery>();
  /** What has been settled since the last take was asked for. Where that fails, the messages are held still: taking goes on once they are not. */
  readonly #justSettled = new Set<QueuedDelivery>();
  /** Of settlements under way: how to end them with an error. */
  readonly #settling = new Set<(error: unknown) => void>();
  readonly #buffer = new AsyncQueue<QueuedDelivery>();
  readonly #attendance: Attendance;
  readonly #stopping = new AbortController();
  readonly #consuming: Promise<void>;
  /** Aborted when disposing has waited long enough for what is still under way. */
  readonly #givingUp = new AbortController();
  /** Aborts the take that waits now. */
  #interruption = new AbortController();
  /** Resolves when something is settled, and when there may be credit again. */
  #wakeup: Deferred<void> | undefined;
  #handedBack: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(queues: readonly string[], options: ConsumeOptions, context: ConsumerContext) {
    this.#context = context;
    this.#queues = new Set(queues);
    this.#prefetch = checkPrefetch(options.prefetch);
    const { connection, clock, log } = context;
    this.#attendance = new Attendance({ consumer: randomUUID(), queues: this.#queues, connection, clock, log });
    this.#consuming = this.#consume();
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery, undefined> {
    return this.#buffer[Symbol.asyncIterator]();
  }

  get prefetch(): number {
    return this.#prefetch;
  }

  set prefetch(prefetch: number) {
    this.#prefetch = checkPrefetch(prefetch);
    this.#takeAnew();
  }

  add(queue: string): void {
    this.#queues.add(queue);
    this.#takeAnew();
    this.#attendance.refresh();
  }

  cancel(queue: string): void {
    this.#queues.delete(queue);
    this.#takeAnew();
    this.#attendance.refresh();
    this.#handBackLater(
      [...this.#unsettled].filter((delivery) => delivery.queue === queue && this.#buffer.delete(delivery)),
    );
  }

  stop(): Promise<void> {
    // Disposing ends the wait early.
    return (this.#stopped ??= untilAborted(this.#stop(), this.#givingUp.signal).catch(() => undefined));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  settle(delivery: QueuedDelivery, settlement: Settlement): Promise<void> {
    const { keeper, settler } = this.#context;
    const heldUntil = keeper.heldUntil(delivery.receipt);
    keeper.release(delivery.receipt);
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        this.#settling.delete(fail);
        this.#forget([delivery]);
        reject(error);
      };
      const end = (isHeld: boolean): void => {
        if (!isHeld) {
          delivery.markLost();
          fail(new DeliveryLostError(delivery.queue));
          return;
        }
        this.#settling.delete(fail);
        this.#forget([delivery]);
        resolve();
      };
      this.#settling.add(fail);
      if (delivery.isLost) {
        end(false);
      } else {
        settler.submit({ settlement, heldUntil }, end, fail);
        this.#justSettled.add(delivery);
        this.#wakeup?.resolve();
      }
    });
  }

  isHeld(delivery: QueuedDelivery): boolean {
    return this.#context.keeper.isSure(delivery.receipt);
  }

  confirm(delivery: QueuedDelivery): Promise<boolean> {
    return this.#context.keeper.confirm(delivery.receipt);
  }

  /** One that was not yielded yet is nobody's loss; the others keep their place until their holder has noticed. */
  lose(delivery: QueuedDelivery): void {
    if (this.#buffer.delete(delivery)) this.#forget([delivery]);
  }

  /** Never rejects: an error that is not the broker's absence ends the iteration with it. */
  async #consume(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      await this.#credit();
      try {
        await this.#take();
        failures = 0;
      } catch (error) {
        if (this.#interruption.signal.aborted) continue;
        if (error instanceof BrokerUnavailableError) await this.#pause(exponentialBackoff(failures++, RETRY));
        else this.#fail(toError(error));
      }
    }
  }

  /** Resolves once there is something to take and room for it, or nothing more to do. What is settled in one turn makes room for one take. */
  async #credit(): Promise<void> {
    while (!this.#stopping.signal.aborted && (this.#free <= 0 || this.#queues.size === 0)) {
      this.#wakeup = deferred();
      await this.#wakeup.promise;
      await endOfTurn();
    }
  }

  /** What is about to be settled makes room already, so that the store sees both in one go; but settlements may hang. */
  get #free(): number {
    return this.#prefetch - (this.#unsettled.size - this.#justSettled.size);
  }

  async #take(): Promise<void> {
    this.#interruption = new AbortController();
    const { signal } = this.#interruption;
    if (this.#stopping.signal.aborted) return;
    const { connection, clock, leaseMs } = this.#context;
    const since = clock.now();
    const options = { max: this.#free, leaseMs, waitMs: TAKE_WAIT_MS, signal };
    this.#justSettled.clear();
    const leased = await connection.run((store) => store.take([...this.#queues], options), { signal });
    this.#accept(
      leased.map((message) => new QueuedDelivery(message, this)),
      since,
    );
    // There is no more for now: these are begun before the store is asked again.
    if (leased.length > 0 && leased.length < options.max) await endOfTurn();
  }

  /** `since` is when they were asked for: no lease is older. */
  #accept(deliveries: readonly QueuedDelivery[], since: number): void {
    const isOver = this.#stopping.signal.aborted;
    const unwanted: QueuedDelivery[] = [];
    for (const delivery of deliveries) {
      this.#unsettled.add(delivery);
      this.#context.keeper.hold(delivery.receipt, delivery, since);
      if (!isOver && this.#queues.has(delivery.queue)) this.#buffer.push(delivery);
      else unwanted.push(delivery);
    }
    if (unwanted.length > 0) this.#handBackLater(unwanted);
  }

  /** What the waiting take was asked for is no longer what is wanted. */
  #takeAnew(): void {
    this.#interruption.abort();
    this.#wakeup?.resolve();
  }

  #forget(deliveries: readonly QueuedDelivery[]): void {
    for (const delivery of deliveries) {
      this.#context.keeper.release(delivery.receipt);
      this.#unsettled.delete(delivery);
      this.#justSettled.delete(delivery);
    }
    this.#wakeup?.resolve();
  }

  async #pause(ms: number): Promise<void> {
    // Stopping ends the pause early.
    await this.#context.clock.sleep(ms, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #fail(error: Error): void {
    this.#context.log.error("consumer failed", { queues: [...this.#queues], error: error.message });
    this.#stopping.abort();
    this.#handBackLater(this.#buffer.end(error));
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#takeAnew();
    await this.#consuming;
    this.#handBackLater(this.#buffer.end());
    await this.#handedBack;
    await this.#attendance[Symbol.asyncDispose]();
  }

  /** What could not be handed back or settled in time is left to its lease. */
  async #dispose(): Promise<void> {
    const { connection, keeper, clock, onDisposed } = this.#context;
    await atMost(DISPOSE_MS, this.#release(), clock);
    const givenUp = connection.unavailable("its consumer has been disposed; the message's lease will run out.");
    this.#givingUp.abort(givenUp);
    for (const fail of this.#settling) fail(givenUp);
    this.#buffer.end();
    for (const delivery of this.#unsettled) {
      delivery.markLost();
      keeper.release(delivery.receipt);
    }
    onDisposed(this);
  }

  async #release(): Promise<void> {
    await this.stop();
    const abandoned = [...this.#unsettled].filter((delivery) => !delivery.isSettled);
    for (const delivery of abandoned) delivery.markLost();
    await this.#handBack(abandoned);
    await this.#allSettled();
  }

  /** Resolves once nothing is being settled. */
  async #allSettled(): Promise<void> {
    while ([...this.#unsettled].some((delivery) => delivery.isSettled)) {
      this.#wakeup = deferred();
      await this.#wakeup.promise;
    }
  }

  #handBackLater(deliveries: readonly QueuedDelivery[]): void {
    this.#handedBack = Promise.all([this.#handedBack, this.#handBack(deliveries)]);
  }

  /** Tried once, so that stopping takes no longer than the broker's own deadline. Never rejects. */
  async #handBack(deliveries: readonly QueuedDelivery[]): Promise<void> {
    if (deliveries.length === 0) return;
    const { connection, log } = this.#context;
    try {
      const settlements = deliveries.map(({ receipt }): Settlement => ({ receipt, outcome: "hand-back" }));
      await connection.run((store) => store.settle(settlements));
    } catch (error) {
      log.warn("messages not handed back; their leases will run out", {
        messages: deliveries.length,
        error: toError(error).message,
      });
    }
    this.#forget(deliveries);
  }
}

function checkPrefetch(prefetch: number): number {
  if (Number.isSafeInteger(prefetch) && prefetch >= 1) return prefetch;
  throw new RangeError(`prefetch must be a whole number of at least 1, not ${prefetch}.`);
}

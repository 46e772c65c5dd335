import { randomUUID } from "node:crypto";

import { AsyncQueue } from "../../util/async-queue.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { deferred } from "../../util/deferred.ts";
import type { Deferred } from "../../util/deferred.ts";
import { endOfTurn } from "../../util/end-of-turn.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { Roster } from "../../util/roster.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import type { Consumer, ConsumeOptions, Delivery, Polling } from "../broker.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../errors.ts";
import type { LeaseKeeper } from "../leases/lease-keeper.ts";
import { atMost } from "../../util/at-most.ts";
import { Attendance } from "./attendance.ts";
import type { Leased, Settlement } from "./message-store.ts";
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
  /** Nothing is taken from these. */
  readonly #paused = new Set<string>();
  #prefetch: number;
  /** Everything taken and not settled yet; what of it was not yielded yet is in the buffer too. */
  readonly #unsettled = new Roster<QueuedDelivery>();
  /** How many of these the store is about to settle. */
  #settling = 0;
  readonly #buffer = new AsyncQueue<QueuedDelivery>();
  readonly #attendance: Attendance;
  readonly #stopping = new AbortController();
  /** Aborted when disposing has waited long enough for what is still under way. */
  readonly #givingUp = new AbortController();
  /** The take that is under way, with the pause after it. */
  #taking: Promise<void> | undefined;
  /** How many messages the take under way has asked for. */
  #asked = 0;
  /** Whether the next take waits for the end of this turn of the event loop. */
  #isGathering = false;
  /** How many were settled since the last take was begun. */
  #freed = 0;
  /** Takes that have failed in a row. */
  #failures = 0;
  /** As `Polling` has them. */
  #triedAt: number;
  #answeredAt: number | undefined;
  /** Aborts the take that waits now. */
  #interruption = new AbortController();
  /** Resolves when something is settled. */
  #somethingSettled: Deferred<void> | undefined;
  #handedBack: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(queues: readonly string[], options: ConsumeOptions, context: ConsumerContext) {
    this.#context = context;
    this.#queues = new Set(queues);
    this.#prefetch = checkPrefetch(options.prefetch, 1);
    const { connection, clock, log } = context;
    this.#triedAt = uptimeOf(clock);
    this.#attendance = new Attendance({ consumer: randomUUID(), queues: this.#queues, connection, clock, log });
    this.#takeNow();
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery, undefined> {
    return this.#buffer[Symbol.asyncIterator]();
  }

  poll(): QueuedDelivery | undefined {
    return this.#buffer.poll();
  }

  get polling(): Polling {
    return { isDue: this.#isDue, triedAt: this.#triedAt, answeredAt: this.#answeredAt };
  }

  get prefetch(): number {
    return this.#prefetch;
  }

  set prefetch(prefetch: number) {
    this.#prefetch = checkPrefetch(prefetch, 0);
    if (this.#asked > this.#free) this.#takeAnew();
    else this.#takeNow();
  }

  add(queue: string): void {
    this.#queues.add(queue);
    this.#takeAnew();
    this.#attendance.refresh();
  }

  pause(queue: string): void {
    this.#paused.add(queue);
    this.#takeAnew();
    this.#handBackUnyielded(queue);
  }

  resume(queue: string): void {
    this.#paused.delete(queue);
    this.#takeAnew();
  }

  cancel(queue: string): void {
    this.#queues.delete(queue);
    this.#paused.delete(queue);
    this.#takeAnew();
    this.#attendance.refresh();
    this.#handBackUnyielded(queue);
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
    const heldUntil = keeper.heldUntil(delivery);
    keeper.release(delivery);
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        this.#forget([delivery]);
        reject(error);
      };
      const end = (isHeld: boolean): void => {
        if (!isHeld) {
          delivery.markLost();
          fail(new DeliveryLostError(delivery.queue));
          return;
        }
        this.#forget([delivery]);
        resolve();
      };
      this.#settling += 1;
      delivery.failSettling = fail;
      if (delivery.isLost) {
        end(false);
      } else {
        settler.submit({ settlement, heldUntil }, end, fail);
        this.#freed += 1;
        this.#refill();
      }
    });
  }

  isHeld(delivery: QueuedDelivery): boolean {
    return this.#context.keeper.isSure(delivery);
  }

  confirm(delivery: QueuedDelivery): Promise<boolean> {
    return this.#context.keeper.confirm(delivery);
  }

  /** One that was not yielded yet is nobody's loss; the others keep their place until their holder has noticed. */
  lose(delivery: QueuedDelivery): void {
    if (this.#buffer.delete(delivery)) this.#forget([delivery]);
  }

  /** With half of all settled a store that is elsewhere is sent on its way, to work while the rest runs; less waits for what else is settled in this turn. */
  #refill(): void {
    const isHalf = this.#freed * 2 >= this.#prefetch;
    if (isHalf && this.#context.connection.isRemote) this.#takeNow();
    else if (!this.#isGathering && this.#mayTake) void this.#takeAfterTurn();
  }

  get #mayTake(): boolean {
    return this.#taking === undefined && this.#isDue;
  }

  get #isDue(): boolean {
    return !this.#stopping.signal.aborted && this.#free > 0 && this.#open.length > 0;
  }

  async #takeAfterTurn(): Promise<void> {
    this.#isGathering = true;
    await endOfTurn();
    this.#isGathering = false;
    this.#takeNow();
  }

  #takeNow(): void {
    if (!this.#mayTake) return;
    this.#freed = 0;
    this.#context.settler.flush();
    this.#taking = this.#take();
  }

  /** What is about to be settled makes room already, so that the store sees both in one go; but only once over, as settlements may hang. */
  get #free(): number {
    const taken = this.#unsettled.size;
    return Math.min(this.#prefetch - (taken - this.#settling), 2 * this.#prefetch - taken);
  }

  /** Never rejects: an error that is not the broker's absence ends the iteration with it. */
  async #take(): Promise<void> {
    this.#interruption = new AbortController();
    const { signal } = this.#interruption;
    const { connection, clock, leaseMs } = this.#context;
    const since = clock.now();
    this.#asked = this.#free;
    const options = { max: this.#asked, leaseMs, waitMs: TAKE_WAIT_MS, signal };
    try {
      const leased = await connection.run((store) => store.take(this.#open, options), { signal });
      this.#failures = 0;
      this.#answeredAt = this.#triedAt = uptimeOf(clock);
      const deliveries = this.#hold(leased, since);
      this.#taking = undefined;
      // Fewer than were asked for are all there are: they are begun before the store is asked again. Else it is asked at once, to work while they run.
      if (leased.length === 0 || leased.length === options.max) this.#refill();
      else if (!this.#isGathering) void this.#takeAfterTurn();
      this.#handOut(deliveries);
    } catch (error) {
      this.#triedAt = uptimeOf(clock);
      if (!signal.aborted) {
        if (error instanceof BrokerUnavailableError) await this.#pause(exponentialBackoff(this.#failures++, RETRY));
        else this.#fail(toError(error));
      }
      this.#taking = undefined;
      this.#takeNow();
    }
  }

  /** `since` is when they were asked for: no lease is older. */
  #hold(leased: readonly Leased[], since: number): readonly QueuedDelivery[] {
    return leased.map((message) => {
      const delivery = new QueuedDelivery(message, this);
      this.#unsettled.add(delivery);
      this.#context.keeper.hold(delivery, since);
      return delivery;
    });
  }

  #handOut(deliveries: readonly QueuedDelivery[]): void {
    const isOver = this.#stopping.signal.aborted;
    const unwanted: QueuedDelivery[] = [];
    for (const delivery of deliveries) {
      if (!isOver && this.#isOpen(delivery.queue)) this.#buffer.push(delivery);
      else unwanted.push(delivery);
    }
    if (unwanted.length > 0) this.#handBackLater(unwanted);
  }

  /** What the waiting take was asked for is no longer what is wanted. */
  #takeAnew(): void {
    this.#interruption.abort();
    this.#takeNow();
  }

  /** What is taken from. */
  get #open(): readonly string[] {
    return [...this.#queues].filter((queue) => !this.#paused.has(queue));
  }

  #isOpen(queue: string): boolean {
    return this.#queues.has(queue) && !this.#paused.has(queue);
  }

  #handBackUnyielded(queue: string): void {
    this.#handBackLater(
      this.#unsettledInOrder().filter((delivery) => delivery.queue === queue && this.#buffer.delete(delivery)),
    );
  }

  /** As they were handed out. */
  #unsettledInOrder(): readonly QueuedDelivery[] {
    return [...this.#unsettled].sort((a, b) => a.fence - b.fence);
  }

  #forget(deliveries: readonly QueuedDelivery[]): void {
    for (const delivery of deliveries) {
      this.#context.keeper.release(delivery);
      this.#unsettled.delete(delivery);
      if (delivery.failSettling !== undefined) this.#settling -= 1;
      delivery.failSettling = undefined;
    }
    this.#somethingSettled?.resolve();
    this.#somethingSettled = undefined;
    this.#refill();
  }

  /** What waits to be settled goes first: its leases may have run out meanwhile. Stopping ends the pause early. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    await this.#context.clock.sleep(ms, { signal }).catch(() => undefined);
    await untilAborted(this.#allSettled(), signal).catch(() => undefined);
  }

  #fail(error: Error): void {
    this.#context.log.error("consumer failed", { queues: [...this.#queues], error: error.message });
    this.#stopping.abort();
    this.#handBackLater(this.#buffer.end(error));
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#takeAnew();
    await this.#taking;
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
    for (const { failSettling } of this.#unsettled) failSettling?.(givenUp);
    this.#buffer.end();
    for (const delivery of this.#unsettled) {
      delivery.markLost();
      keeper.release(delivery);
    }
    onDisposed(this);
  }

  async #release(): Promise<void> {
    await this.stop();
    const abandoned = this.#unsettledInOrder().filter((delivery) => !delivery.isSettled);
    for (const delivery of abandoned) delivery.markLost();
    await this.#handBack(abandoned);
    await this.#allSettled();
  }

  /** Resolves once nothing is being settled. */
  async #allSettled(): Promise<void> {
    while (this.#settling > 0) {
      this.#somethingSettled ??= deferred();
      await this.#somethingSettled.promise;
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

function checkPrefetch(prefetch: number, least: number): number {
  if (Number.isSafeInteger(prefetch) && prefetch >= least) return prefetch;
  throw new RangeError(`prefetch must be a whole number of at least ${least}, not ${prefetch}.`);
}

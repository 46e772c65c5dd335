import type { Message } from "../../message/message.ts";
import type { DeadLetterReason, Delivery } from "../broker.ts";
import { NOWHERE, type Member } from "../../util/roster.ts";
import { DeliveryLostError } from "../errors.ts";
import { NO_SLOT, type Leaseholder } from "../leases/lease-keeper.ts";
import type { Leased, Settlement } from "./message-store.ts";

/** Who answers for a delivery: the consumer that took it. */
export interface DeliveryOwner {
  /** Rejects with DeliveryLostError when the lease was no longer held; the delivery is then marked lost. */
  settle(delivery: QueuedDelivery, settlement: Settlement): Promise<void>;
  /** Whether the lease is held beyond doubt. */
  isHeld(delivery: QueuedDelivery): boolean;
  /** Resolves with whether the lease is held, renewed if need be. */
  confirm(delivery: QueuedDelivery): Promise<boolean>;
  /** The lease of a delivery that nobody has settled is gone. */
  lose(delivery: QueuedDelivery): void;
}

/** One hand-out of a message. It is settled at most once, whether or not its lease is lost before. */
export class QueuedDelivery implements Delivery, Leaseholder, Member {
  place: number = NOWHERE;
  slot: number = NO_SLOT;
  /** While the store is about to settle it: ends that with an error. */
  failSettling: ((error: unknown) => void) | undefined;
  readonly receipt: string;
  readonly message: Message;
  readonly queue: string;
  readonly deliveries: number;
  readonly fence: number;
  readonly #owner: DeliveryOwner;
  #settled = false;
  #isLost = false;
  /** Made when somebody asks: most deliveries are settled without anybody having looked. */
  #lost: AbortController | undefined;
  #onLost: (() => void) | undefined;

  constructor(leased: Leased, owner: DeliveryOwner) {
    this.receipt = leased.receipt;
    this.message = leased.message;
    this.queue = leased.queue;
    this.deliveries = leased.deliveries;
    this.fence = leased.fence;
    this.#owner = owner;
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  get lost(): AbortSignal {
    this.#lost ??= new AbortController();
    if (this.#isLost) this.#lost.abort(new DeliveryLostError(this.queue));
    return this.#lost.signal;
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
    if (this.#isLost) listener();
  }

  get isHeld(): boolean {
    return !this.#isLost && !this.#settled && this.#owner.isHeld(this);
  }

  async confirm(): Promise<void> {
    if (this.#settled) throw new Error(`This delivery from "${this.queue}" was settled before it was to be confirmed.`);
    if (!this.#isLost && (await this.#owner.confirm(this))) return;
    this.markLost();
    throw new DeliveryLostError(this.queue);
  }

  ack(): Promise<void> {
    return this.#settle({ receipt: this.receipt, outcome: "ack" });
  }

  requeue(reason?: DeadLetterReason): Promise<void> {
    return this.#settle({ receipt: this.receipt, outcome: "requeue", reason });
  }

  handBack(): Promise<void> {
    return this.#settle({ receipt: this.receipt, outcome: "hand-back" });
  }

  defer(until: Date): Promise<void> {
    return this.#settle({ receipt: this.receipt, outcome: "defer", until });
  }

  deadLetter(reason: DeadLetterReason): Promise<void> {
    return this.#settle({ receipt: this.receipt, outcome: "dead-letter", reason });
  }

  leaseLost(): void {
    this.markLost();
    this.#owner.lose(this);
  }

  /** What is done with the message from now on is done twice. */
  markLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#onLost?.();
    this.#lost?.abort(new DeliveryLostError(this.queue));
  }

  #settle(settlement: Settlement): Promise<void> {
    if (this.#settled) {
      const second = `This delivery from "${this.queue}" was settled before: ${settlement.outcome} came second.`;
      return Promise.reject(new Error(second));
    }
    this.#settled = true;
    return this.#owner.settle(this, settlement);
  }
}

import type { ConsumeMessage } from "amqplib";
import type { DeadLetterReason, Delivery, DeliveryNote } from "../../broker/broker.ts";
import { DeliveryLostError } from "../../broker/errors.ts";
import type { Message } from "../../message/message.ts";
import { NOWHERE, type Member } from "../../util/roster.ts";
import { fromAmqp } from "./amqp-message.ts";
import type { ConsumerSession } from "./consumer-session.ts";

export type Settlement =
  | { readonly outcome: "ack" | "hand-back" }
  | { readonly outcome: "requeue"; readonly reason: DeadLetterReason | undefined }
  | { readonly outcome: "defer"; readonly until: Date }
  | { readonly outcome: "dead-letter"; readonly reason: DeadLetterReason };

/** Who answers for a delivery: the consumer that got it. */
export interface DeliveryOwner {
  /** Rejects with DeliveryLostError when the delivery is lost before that is done. */
  settle(delivery: AmqpDelivery, settlement: Settlement): Promise<void>;
}

/** What is known of a hand-out beside the message itself. */
export interface HandOut {
  readonly queue: string;
  readonly deliveries: number;
  readonly history: readonly DeliveryNote[];
  readonly fence: number;
  /** Of the clock's uptime. */
  readonly takenAt: number;
}

/** One hand-out of a message: held as long as the channel that it came by. */
export class AmqpDelivery implements Delivery, Member {
  place: number = NOWHERE;
  readonly message: Message;
  readonly queue: string;
  readonly deliveries: number;
  readonly history: readonly DeliveryNote[];
  /** Of the moment at which it is handed out. */
  fence: number;
  /** While it is being settled: ends that with an error. */
  failSettling: ((error: unknown) => void) | undefined;
  readonly #owner: DeliveryOwner;
  #raw: ConsumeMessage;
  #session: ConsumerSession;
  #takenAt: number;
  #isKept = false;
  #isSettled = false;
  #isLost = false;
  #lost: AbortController | undefined;
  #onLost: (() => void) | undefined;

  constructor(raw: ConsumeMessage, session: ConsumerSession, handOut: HandOut, owner: DeliveryOwner) {
    this.#raw = raw;
    this.#session = session;
    this.#takenAt = handOut.takenAt;
    this.message = fromAmqp(raw);
    this.queue = handOut.queue;
    this.deliveries = handOut.deliveries;
    this.history = handOut.history;
    this.fence = handOut.fence;
    this.#owner = owner;
  }

  get raw(): ConsumeMessage {
    return this.#raw;
  }

  get session(): ConsumerSession {
    return this.#session;
  }

  /** Since when the server has it as being held, in milliseconds of the clock's uptime. */
  get takenAt(): number {
    return this.#takenAt;
  }

  /** Whether a copy has taken its place, and with it its place of the prefetch. */
  get isKept(): boolean {
    return this.#isKept;
  }

  get isSettled(): boolean {
    return this.#isSettled;
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
    return !this.#isLost && !this.#isSettled && this.session.isProven;
  }

  async confirm(): Promise<void> {
    if (this.#isSettled)
      throw new Error(`This delivery from "${this.queue}" was settled before it was to be confirmed.`);
    if (this.isHeld || (!this.#isLost && (await this.session.prove()))) return;
    this.markLost();
    throw new DeliveryLostError(this.queue);
  }

  ack(): Promise<void> {
    return this.#settle({ outcome: "ack" });
  }

  requeue(reason?: DeadLetterReason): Promise<void> {
    return this.#settle({ outcome: "requeue", reason });
  }

  handBack(): Promise<void> {
    return this.#settle({ outcome: "hand-back" });
  }

  defer(until: Date): Promise<void> {
    return this.#settle({ outcome: "defer", until });
  }

  deadLetter(reason: DeadLetterReason): Promise<void> {
    return this.#settle({ outcome: "dead-letter", reason });
  }

  /** From now on this copy, which came by that channel, is what is held. */
  moveTo(session: ConsumerSession, copy: ConsumeMessage, takenAt: number): void {
    this.#session = session;
    this.#raw = copy;
    this.#takenAt = takenAt;
    this.#isKept = true;
  }

  /** What is done with the message from now on is done twice. */
  markLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#onLost?.();
    this.#lost?.abort(new DeliveryLostError(this.queue));
  }

  #settle(settlement: Settlement): Promise<void> {
    if (this.#isSettled) {
      const second = `This delivery from "${this.queue}" was settled before: ${settlement.outcome} came second.`;
      return Promise.reject(new Error(second));
    }
    this.#isSettled = true;
    return this.#owner.settle(this, settlement);
  }
}

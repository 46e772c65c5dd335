import type { DeliveryNote, UniqueKey } from "../../broker/broker.ts";
import type { StoreDepth } from "../../broker/queued/message-store.ts";
import type { Message } from "../../message/message.ts";
import type { Queue } from "../../routing/topology.ts";
import { MinHeap } from "../../util/min-heap.ts";

/** One message in its queue: ready, delayed or leased. */
export interface Entry {
  readonly message: Message;
  readonly priority: number;
  readonly queue: MemoryQueue;
  /** Order of arrival in the whole store. It stays when the message comes back, so that it is next again. */
  readonly arrival: number;
  /** As it was published; whether it still holds its key is known to `UniqueKeys`. */
  readonly unique: UniqueKey | undefined;
  deliveries: number;
  isLeased: boolean;
  history: readonly DeliveryNote[];
  /** When the delay or the lease ends, in milliseconds since the epoch. */
  until: number;
}

/** Higher priority first, then the older one. */
export function isServedBefore(a: Entry, b: Entry): boolean {
  return a.priority === b.priority ? a.arrival < b.arrival : a.priority > b.priority;
}

/** One queue: what is in it, and who consumes from it. */
export class MemoryQueue {
  readonly name: string;
  readonly #expiresMs: number;
  readonly #ready = new MinHeap<Entry>(isServedBefore);
  readonly #delayed = new MinHeap<Entry>((a, b) => a.until < b.until);
  /** Consumers, and until when each is known to be there. */
  readonly #attendance = new Map<string, number>();
  #lastUsed: number;
  #leased = 0;

  constructor(queue: Queue, now: number) {
    this.name = queue.name;
    this.#expiresMs = queue.expiresMs ?? Infinity;
    this.#lastUsed = now;
  }

  add(entry: Entry, now: number): void {
    if (entry.until > now) this.#delayed.push(entry);
    else this.#ready.push(entry);
  }

  /** The message to be served next; it stays where it is. */
  first(now: number): Entry | undefined {
    this.#promote(now);
    return this.#ready.peek();
  }

  /** Takes out what `first` has shown. */
  lease(): void {
    const entry = this.#ready.pop();
    if (entry === undefined) return;
    entry.isLeased = true;
    this.#leased += 1;
  }

  /** A leased message is gone, or about to be added again. */
  release(entry: Entry): void {
    entry.isLeased = false;
    this.#leased -= 1;
  }

  /** Takes out a message that waits. */
  delete(entry: Entry): void {
    if (!this.#ready.delete(entry)) this.#delayed.delete(entry);
  }

  /** When there will be a ready message; Infinity when there is nothing to wait for. */
  get nextReady(): number {
    return this.#ready.size > 0 ? 0 : (this.#delayed.peek()?.until ?? Infinity);
  }

  count(now: number): StoreDepth {
    this.#promote(now);
    return {
      ready: this.#ready.size,
      delayed: this.#delayed.size,
      unacked: this.#leased,
      consumers: this.#consumers(now),
    };
  }

  /** Takes out everything that waits. */
  purge(): readonly Entry[] {
    return [...this.#ready.drain(), ...this.#delayed.drain()];
  }

  attend(consumer: string, until: number): void {
    this.#attendance.set(consumer, until);
  }

  leave(consumer: string, now: number): void {
    if (this.#attendance.delete(consumer)) this.#lastUsed = now;
  }

  /** Declaring a queue again counts as using it. */
  touch(now: number): void {
    this.#lastUsed = now;
  }

  isExpired(now: number): boolean {
    return this.#expiresMs !== Infinity && this.#consumers(now) === 0 && now - this.#lastUsed >= this.#expiresMs;
  }

  #promote(now: number): void {
    for (let due = this.#delayed.peek(); due !== undefined && due.until <= now; due = this.#delayed.peek()) {
      this.#delayed.pop();
      this.#ready.push(due);
    }
  }

  #consumers(now: number): number {
    for (const [consumer, until] of this.#attendance) {
      if (until > now) continue;
      this.#attendance.delete(consumer);
      this.#lastUsed = Math.max(this.#lastUsed, until);
    }
    return this.#attendance.size;
  }
}

import { decodeTask } from "../../message/decode-task.ts";
import type { Message } from "../../message/message.ts";
import type { PushItem } from "../../broker/queued/message-store.ts";
import { nameOfTask, type TaskName } from "../task-name.ts";

/** A call that the broker has taken, as it crossed the wire. */
export interface SentCall {
  readonly id: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly queue: string;
  /** Milliseconds from sending until it may start; 0 for at once. */
  readonly countdownMs: number;
  readonly eta: Date | null;
  readonly expires: Date | null;
  readonly priority: number | null;
  /** The caller's own. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly sentAt: Date;
}

interface Sent {
  readonly message: Message;
  readonly queue: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** All that was sent, in its order. Retries are not: nobody has called anything. */
export class SentCalls {
  readonly #sent: Sent[] = [];
  readonly #accept: () => readonly string[];

  /** `accept` tells the serializers that are read. */
  constructor(accept: () => readonly string[]) {
    this.#accept = accept;
  }

  /** Notes what a store was given; `holders` are those that hold an item's unique key, for items that were not taken. */
  note(items: readonly PushItem[], holders: readonly (string | undefined)[], at: number): void {
    for (const [index, { message, queues, isGivenUp }] of items.entries()) {
      if (holders[index] !== undefined || isGivenUp?.() === true) continue;
      for (const queue of queues) this.#sent.push({ message, queue, at });
    }
  }

  of(task?: TaskName): readonly SentCall[] {
    const calls = this.#sent.flatMap((sent) => this.#read(sent));
    return task === undefined ? calls : calls.filter((call) => call.task === nameOfTask(task));
  }

  #read({ message, queue, at }: Sent): readonly SentCall[] {
    const request = decodeTask(message, { accept: this.#accept() });
    const { id, task, args, kwargs, eta, expires, priority, headers, parentId } = request;
    if (parentId === id) return []; // a retry
    const countdownMs = eta === null ? 0 : Math.max(0, eta.getTime() - at);
    return [{ id, task, args, kwargs, queue, countdownMs, eta, expires, priority, headers, sentAt: new Date(at) }];
  }
}

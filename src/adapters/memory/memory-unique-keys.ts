import type { UniqueKey } from "../../broker/broker.ts";
import type { Message } from "../../message/message.ts";
import type { Entry } from "./memory-queue.ts";

/** Who holds which unique key: the copies of one message hold it together. */
export class UniqueKeys {
  readonly #holders = new Map<string, Set<Entry>>();

  /**
   * Makes the key free for a message that is about to be pushed, or returns the correlation id of the one that keeps it. `remove` is called for
   * each message that is replaced.
   */
  clear({ key, onDuplicate }: UniqueKey, message: Message, remove: (entry: Entry) => void): string | undefined {
    const holders = [...(this.#holders.get(key) ?? [])];
    const owner = holders[0]?.message.properties.correlationId;
    if (owner === undefined) return undefined;
    const isTakenOver = owner === message.properties.correlationId;
    const isReplaced = onDuplicate === "replace" && !holders.some(({ isLeased }) => isLeased);
    if (!isTakenOver && !isReplaced) return owner;
    this.#holders.delete(key);
    if (!isTakenOver) for (const entry of holders) remove(entry);
    return undefined;
  }

  /** Does nothing for a message without a key. */
  hold(entry: Entry): void {
    if (entry.unique === undefined) return;
    const { key } = entry.unique;
    const holders = this.#holders.get(key) ?? new Set<Entry>();
    this.#holders.set(key, holders.add(entry));
  }

  /** As `hold`, for a dead letter: if nobody else holds the key. */
  holdIfFree(entry: Entry): void {
    if (entry.unique !== undefined && !this.#holders.has(entry.unique.key)) this.hold(entry);
  }

  /** The message is being taken. */
  start(entry: Entry): void {
    if (entry.unique?.until === "start") this.free(entry);
  }

  /** The message is gone. Does nothing for one that holds no key, or no longer. */
  free(entry: Entry): void {
    if (entry.unique === undefined) return;
    const { key } = entry.unique;
    const holders = this.#holders.get(key);
    holders?.delete(entry);
    if (holders?.size === 0) this.#holders.delete(key);
  }
}

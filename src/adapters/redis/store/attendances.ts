import type { RedisLink } from "../connections/redis-link.ts";
import type { StoreKeys } from "./keys.ts";
import { ATTEND } from "./queue-scripts.ts";

/** Who consumes from which queue: noted in each queue's own set, so that it is remembered here what a consumer may have to be taken out of. */
export class Attendances {
  readonly #link: RedisLink;
  readonly #keys: StoreKeys;
  readonly #queues = new Map<string, readonly string[]>();

  constructor(link: RedisLink, keys: StoreKeys) {
    this.#link = link;
    this.#keys = keys;
  }

  /** As `MessageStore.attend`. */
  async note(consumer: string, queues: readonly string[], ttlMs: number): Promise<void> {
    const left = (this.#queues.get(consumer) ?? []).filter((queue) => !queues.includes(queue));
    if (left.length === 0 && queues.length === 0) return;
    await this.#link.script(ATTEND, [], [this.#keys.prefix, consumer, ttlMs, left.length, ...left, ...queues]);
    if (queues.length === 0) this.#queues.delete(consumer);
    else this.#queues.set(consumer, [...queues]);
  }
}

import type { KeyStore } from "../broker/key-store.ts";
import type { TaskRequest } from "../message/task-request.ts";
import { uniqueKeyOf } from "./call-keys.ts";
import { KeysUnsupportedError } from "./errors.ts";
import type { RoutedRequest } from "./routed-request.ts";
import type { TaskRegistry } from "./registry.ts";

/** How long a key is held before its call is sent, in milliseconds: a sender that dies meanwhile is in nobody's way for longer. */
const SENDING_MS = 30_000;

export interface TimedKeysOptions {
  readonly tasks: TaskRegistry;
  readonly keys: () => Promise<KeyStore | undefined>;
}

/** Unique keys that are held for a time from when a call was sent, whatever becomes of its message: claims in the key store. */
export class TimedKeys {
  readonly #options: TimedKeysOptions;

  constructor(options: TimedKeysOptions) {
    this.#options = options;
  }

  /**
   * Sends those requests with `publish` whose key is free, and gives the ids of all: a request that finds its key held has the holder's.
   * Keys whose requests could not be sent are given back. Rejects as `publish` does, and with KeysUnsupportedError.
   */
  publish(requests: readonly RoutedRequest[], publish: Publish): Promise<readonly string[]> {
    const areTimed = requests.some(({ request }) => this.#isTimed(request.task));
    return areTimed ? this.#publishFree(requests, publish) : publish(requests);
  }

  async #publishFree(requests: readonly RoutedRequest[], publish: Publish): Promise<readonly string[]> {
    const claims = await this.#claimAll(requests);
    const free = requests.filter((_, index) => claims[index]?.holder === undefined);
    try {
      const ids = [...(free.length === 0 ? [] : await publish(free))];
      await Promise.all(claims.map(async ({ keep }) => keep?.()));
      return claims.map(({ holder }) => holder ?? (ids.shift() as string));
    } catch (error) {
      await Promise.allSettled(claims.map(async ({ giveBack }) => giveBack?.()));
      throw error;
    }
  }

  #isTimed(task: string): boolean {
    return typeof this.#options.tasks.get(task)?.options.unique?.until === "object";
  }

  /** One after the other: of two calls in one batch with the same key, the first gets it. */
  async #claimAll(requests: readonly RoutedRequest[]): Promise<readonly TimedClaim[]> {
    const keys = await this.#options.keys();
    if (keys === undefined) throw new KeysUnsupportedError("A call cannot be unique for a time");
    const claims: TimedClaim[] = [];
    for (const { request } of requests) claims.push(await this.#claim(request, keys));
    return claims;
  }

  async #claim(request: TaskRequest, keys: KeyStore): Promise<TimedClaim> {
    const unique = this.#options.tasks.get(request.task)?.options.unique;
    if (typeof unique?.until !== "object") return NO_KEY;
    const key = `unique:${uniqueKeyOf(request, unique)}`;
    const { forMs } = unique.until;
    for (;;) {
      if (await keys.claim(key, request.id, Math.min(forMs, SENDING_MS))) {
        return {
          keep: () => keys.claim(key, request.id, forMs),
          giveBack: () => keys.release(key, request.id),
        };
      }
      const holder = (await keys.read([key])).get(key)?.owner;
      if (holder !== undefined) return { holder };
      // It ran out between the two looks.
    }
  }
}

type Publish = (requests: readonly RoutedRequest[]) => Promise<readonly string[]>;

interface TimedClaim {
  /** Id of the call that holds the key, when that is another one. */
  readonly holder?: string;
  /** Present when the key was claimed for this call. */
  readonly giveBack?: () => Promise<unknown>;
  /** Holds it for its whole time: the call was sent. */
  readonly keep?: () => Promise<unknown>;
}

const NO_KEY: TimedClaim = {};

import type { ConcurrencyOptions } from "../app/call-keys.ts";
import { KeyHolder, type HeldKey } from "../broker/key-holder.ts";
import type { Claim, KeyStore } from "../broker/key-store.ts";
import type { Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";

/** How long a call waits that found its key taken, in milliseconds, at least and at most: drawn, so that those who wait do not come together. */
const LEAST_PATIENCE_MS = 250;
const LONGEST_PATIENCE_MS = 1_000;

export interface ConcurrencyKeysOptions {
  readonly keys: KeyStore;
  /** Ends a run that is to make room. */
  readonly terminate: (taskId: string) => Promise<void>;
  /** Numbers from 0 to below 1. */
  readonly random: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a run needs besides its message: one of the places that its key has. Disposing gives it back. */
export interface ConcurrencySlot extends AsyncDisposable {
  /** Aborts when the place is another's, or may be. */
  readonly lost: AbortSignal;
}

/** Keeps tasks with the same key from running at once, over all workers. A key has `limit` places, each a claim of its own. */
export class ConcurrencyKeys implements AsyncDisposable {
  readonly #options: ConcurrencyKeysOptions;
  readonly #holder: KeyHolder;

  constructor(options: ConcurrencyKeysOptions) {
    this.#options = options;
    this.#holder = new KeyHolder(options);
  }

  /** A place for this run; undefined when all are taken, and then, if that is wanted, the run that has had its place longest is being ended. */
  async claim(key: string, options: ConcurrencyOptions, run: RunIdentity): Promise<ConcurrencySlot | undefined> {
    const places = Array.from({ length: options.limit ?? 1 }, (_, place) => placeKey(key, place));
    const since = this.#options.clock.now();
    const value = JSON.stringify({ ...run, since });
    for (const place of places) {
      const take = (): Promise<HeldKey | undefined> => this.#holder.take(place, { value });
      const held = (await take()) ?? ((await this.#isFreeNow(place, run)) ? await take() : undefined);
      if (held !== undefined) return this.#slot(held);
    }
    if (options.onBusy === "cancel-oldest") await this.#cancelOldest(places);
    return undefined;
  }

  /** How long to wait before trying again, in milliseconds. It does not grow, or the oldest call would wait longest. */
  patienceMs(): number {
    return LEAST_PATIENCE_MS + this.#options.random() * (LONGEST_PATIENCE_MS - LEAST_PATIENCE_MS);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#holder[Symbol.asyncDispose]();
  }

  /** A place that cannot be given back is free when its claim runs out: no reason for the task to fail. */
  #slot(held: HeldKey): ConcurrencySlot {
    return {
      lost: held.lost,
      [Symbol.asyncDispose]: async () => {
        try {
          await held.release();
        } catch (error) {
          this.#options.log.warn("concurrency key not released, it runs out", {
            key: held.key,
            error: toError(error).message,
          });
        }
      },
    };
  }

  /** Whether the place is free by now: it was left in this moment, or held by an earlier run of the same task, which was killed or is about to leave it. */
  async #isFreeNow(place: string, { taskId, fence }: RunIdentity): Promise<boolean> {
    const claim = (await this.#options.keys.read([place])).get(place);
    if (claim === undefined) return true;
    const holder = holderOf(claim);
    if (holder.taskId !== taskId || holder.fence >= fence) return false;
    await this.#options.keys.release(place, claim.owner);
    return true;
  }

  async #cancelOldest(places: readonly string[]): Promise<void> {
    const claims = await this.#options.keys.read(places);
    const [oldest] = [...claims.values()].map(holderOf).sort((a, b) => a.since - b.since);
    if (oldest !== undefined) await this.#options.terminate(oldest.taskId);
  }
}

/** One run of one task. */
export interface RunIdentity {
  readonly taskId: string;
  readonly fence: number;
}

function holderOf({ value = "{}" }: Claim): RunIdentity & { readonly since: number } {
  return JSON.parse(value) as RunIdentity & { readonly since: number };
}

function placeKey(key: string, place: number): string {
  return `concurrency:${String(place)}:${key}`;
}

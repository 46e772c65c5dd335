import type { Abortable } from "../../../util/abortable.ts";
import type { Clock } from "../../../util/clock.ts";
import { startTimer } from "../../../util/timer.ts";
import type { Command, RedisConnections, RedisLink, Subscription } from "../connections/redis-link.ts";

/** Where the server tells which of the keys that a connection has read were changed. https://redis.io/docs/latest/develop/reference/client-side-caching/ */
const INVALIDATIONS = "__redis__:invalidate";

/**
 * Waits for any of many keys to change, whoever changes it, without taking anything and however many wait: the server remembers that one connection has
 * looked at them, and tells another of the first change.
 */
export class QueueWatch implements AsyncDisposable {
  readonly #connections: RedisConnections;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  readonly #link: RedisLink;
  #subscription: Promise<Subscription> | undefined;

  constructor(connections: RedisConnections, clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
    this.#link = connections.createLink({ setUp: () => this.#track() });
  }

  /** Resolves once every change from then on is noticed. */
  async watch(keys: readonly string[]): Promise<Watch> {
    await this.#subscribe();
    const waiting = new Waiting(keys, this.#clock, (ended) => this.#waiting.delete(ended));
    this.#waiting.add(waiting);
    try {
      await this.#link.command(["EXISTS", ...keys]);
    } catch (error) {
      waiting[Symbol.dispose]();
      throw error;
    }
    return waiting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wakeAll();
    await this.#link[Symbol.asyncDispose]();
    // One that was never there needs no farewell.
    await (await this.#subscription?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  async #track(): Promise<readonly Command[]> {
    return [["CLIENT", "TRACKING", "ON", "REDIRECT", await this.#connections.subscriber.clientId()]];
  }

  #subscribe(): Promise<Subscription> {
    this.#subscription ??= this.#connections.subscriber
      .subscribe([INVALIDATIONS], {
        onMessage: (keys) => this.#wake(keys),
        onResumed: () => {
          this.#link.reset();
          this.#wakeAll();
        },
      })
      .catch((error: unknown) => {
        this.#subscription = undefined;
        throw error;
      });
    return this.#subscription;
  }

  #wake(keys: string): void {
    for (const waiting of this.#waiting) if (waiting.isFor(keys)) waiting.wake();
  }

  #wakeAll(): void {
    for (const waiting of this.#waiting) waiting.wake();
  }
}

export interface Watch extends Disposable {
  /** Resolves when something has changed, after `ms` at the latest, or when the signal aborts. */
  changed(ms: number, options: Abortable): Promise<void>;
}

class Waiting implements Watch {
  readonly #keys: ReadonlySet<string>;
  readonly #clock: Clock;
  readonly #onEnd: (ended: Waiting) => void;
  #isWoken = false;
  #resolve: (() => void) | undefined;

  constructor(keys: readonly string[], clock: Clock, onEnd: (ended: Waiting) => void) {
    this.#keys = new Set(keys);
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** `changed` is a key, or the keys separated by commas, or nothing where all are gone. */
  isFor(changed: string): boolean {
    if (changed === "" || this.#keys.has(changed)) return true;
    return changed.includes(",");
  }

  wake(): void {
    this.#isWoken = true;
    this.#resolve?.();
  }

  async changed(ms: number, { signal }: Abortable): Promise<void> {
    if (this.#isWoken || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const stopTimer = startTimer(this.#clock, Math.max(0, ms), () => this.#resolve?.());
      const abort = (): void => this.#resolve?.();
      signal?.addEventListener("abort", abort);
      this.#resolve = (): void => {
        stopTimer();
        signal?.removeEventListener("abort", abort);
        resolve();
      };
    });
  }

  [Symbol.dispose](): void {
    this.#onEnd(this);
  }
}

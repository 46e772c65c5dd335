import { exponentialBackoff } from "../../../util/backoff.ts";
import type { Clock } from "../../../util/clock.ts";
import { deferred, type Deferred } from "../../../util/deferred.ts";
import { toError } from "../../../util/errors.ts";
import type { Logger } from "../../../util/logger.ts";
import { Connection } from "./connection.ts";
import type { Endpoint } from "./endpoint.ts";
import { explained, UnusableError, type Unavailable } from "./failure.ts";
import { identifier } from "./identifier.ts";

/** A connection that only listens would not notice that it is dead: it asks so often, in milliseconds. */
const PING_MS = 2_000;
/** Between attempts to connect, in milliseconds. */
const BACKOFF = { baseMs: 50, maxMs: 2_000 };

export interface ListenerOptions {
  readonly endpoint: Endpoint;
  readonly channel: string;
  readonly onNotification: (payload: string) => void;
  /** The connection was lost and there is another: what was sent meanwhile was not heard. */
  readonly onResumed: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly unavailable: Unavailable;
}

/** The one connection that hears notifications. Opened when first asked for; lost, it is opened anew by itself, until it is disposed of. */
export class Listener implements Disposable {
  readonly #options: ListenerOptions;
  readonly #stop = new AbortController();
  #ready: Deferred<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Resolves once whatever is sent from now on is heard. Rejects when the attempt fails that is under way, or the next. */
  async open(): Promise<void> {
    if (this.#stop.signal.aborted) throw explained(closed(), this.#options.unavailable);
    if (this.#ready === undefined) {
      this.#ready = unhandledDeferred();
      void this.#run();
    }
    await this.#ready.promise;
  }

  [Symbol.dispose](): void {
    this.#stop.abort(closed());
    this.#ready?.reject(explained(closed(), this.#options.unavailable));
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, log, unavailable } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 0, isFirst = true; !signal.aborted; failures += 1) {
      try {
        await this.#listen(() => {
          failures = 0;
          if (!isFirst) this.#options.onResumed();
          isFirst = false;
        });
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (failures === 0) log.warn("waiting for results to be told again", { error: toError(error).message });
        this.#ready?.reject(explained(error, unavailable));
        this.#ready = unhandledDeferred();
        // Disposing ends the pause early.
        await clock.sleep(exponentialBackoff(failures, BACKOFF), { signal }).catch(() => undefined);
      }
    }
  }

  /** Until the connection is lost. */
  async #listen(onListening: () => void): Promise<never> {
    const { endpoint, clock, channel, onNotification } = this.#options;
    const { signal } = this.#stop;
    const connection = await Connection.open({ endpoint, clock, signal });
    const over = new AbortController();
    const stop = (): void => connection.close();
    connection.onLost(() => over.abort(new UnusableError("the connection was lost.")));
    signal.addEventListener("abort", stop, { once: true });
    try {
      signal.throwIfAborted();
      connection.onNotification(onNotification);
      await connection.query(`LISTEN ${identifier(channel)}`);
      this.#ready?.resolve();
      onListening();
      for (;;) {
        await clock.sleep(PING_MS, { signal: over.signal, ref: false });
        await connection.query("SELECT 1");
      }
    } finally {
      signal.removeEventListener("abort", stop);
      connection.close();
    }
  }
}

function closed(): UnusableError {
  return new UnusableError("it was closed in this process.");
}

/** Whether anybody waits for it or not, its rejection is no fault of this process. */
function unhandledDeferred(): Deferred<void> {
  const ready = deferred();
  ready.promise.catch(() => undefined);
  return ready;
}

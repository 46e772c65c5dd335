import type { Message } from "../message/message.ts";
import type { Exchange } from "../routing/topology.ts";
import { exponentialBackoff } from "../util/backoff.ts";
import type { Clock } from "../util/clock.ts";
import { onceOver } from "../util/ending.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import type { Broadcaster } from "./broadcaster.ts";

const RETRY = { baseMs: 100, maxMs: 5_000 } as const;

export interface KeepListeningOptions {
  readonly broadcaster: Pick<Broadcaster, "listen">;
  readonly exchange: Exchange;
  /** As that of `Broadcaster.listen`. @default everything */
  readonly pattern?: string;
  /** Called each time that it has begun to listen. */
  readonly onListening?: () => void;
  /** The next message is given once this has resolved. Must not reject. */
  readonly onMessage: (message: Message) => Promise<void> | void;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Told when it does not hear, once for each reason, and when it does again. */
  readonly log: Logger;
}

/** Listens until it is told to end, whatever ends the listener before. Resolves once it listens no more; never rejects. */
export async function keepListening(options: KeepListeningOptions): Promise<void> {
  const { exchange, signal, clock, log } = options;
  let told: string | undefined;
  const isHeard = (): void => {
    options.onListening?.();
    if (told !== undefined) log.info("broadcasts are heard again", { exchange: exchange.name });
    told = undefined;
  };
  let failures = 0;
  const isGoingWell = (): void => void (failures = 0);
  for (;;) {
    let reason = "its listener has ended";
    try {
      await listenOnce(options, isHeard, isGoingWell);
    } catch (error) {
      reason = toError(error).message;
    }
    if (signal.aborted) return;
    if (reason !== told) log.warn("broadcasts are not heard, listening anew", { exchange: exchange.name, reason });
    told = reason;
    const pauseMs = exponentialBackoff(failures++, RETRY);
    await clock.sleep(pauseMs, { signal, ref: false }).catch(() => undefined); // told to end
  }
}

async function listenOnce(
  { broadcaster, exchange, pattern, onMessage, signal }: KeepListeningOptions,
  onListening: () => void,
  onHeard: () => void,
): Promise<void> {
  const listener = await broadcaster.listen(exchange, pattern === undefined ? { signal } : { pattern, signal });
  const end = async (): Promise<void> => {
    await Promise.allSettled([listener[Symbol.asyncDispose]()]); // it goes with its connection
  };
  const forget = onceOver({ signal }, () => void end());
  try {
    onListening();
    for await (const message of listener) {
      onHeard();
      await onMessage(message);
    }
  } finally {
    forget();
    await end();
  }
}

import { randomUUID } from "node:crypto";
import type { Claim, KeyStore } from "../broker/key-store.ts";
import { ControlUnsupportedError } from "../control/errors.ts";
import type { RemoteControl } from "../control/remote-control.ts";
import type { Clock } from "../util/clock.ts";
import { isDict, type Dict } from "../message/fields.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { anonymousNode } from "./build-request.ts";
import { KeysUnsupportedError } from "./errors.ts";

/** What workers are told when a queue was paused or resumed: to look at what is stored. No more is said, so that it does no harm when it comes late. */
export const PAUSES_CHANGED = "queue_pauses_changed";

/** Nobody outlives it: a pause ends when it is told to, and not by itself. 100 years, in milliseconds. */
const FOR_EVER_MS = 36_525 * 86_400_000;
const PREFIX = "paused:";

/** Why the workers of a cluster take nothing from a queue. */
export interface QueuePause {
  readonly since: Date;
  /** Who paused it: `ann@host`. */
  readonly by: string;
  /** Undefined where none was given. */
  readonly reason: string | undefined;
}

export interface PauseOptions {
  /** For others to read. @default none */
  readonly reason?: string | undefined;
  /** For others to read. @default `gen<pid>@<host>` */
  readonly by?: string | undefined;
}

export interface QueuePausesOptions {
  readonly keys: () => Promise<KeyStore | undefined>;
  readonly control: RemoteControl;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Which queues are paused for the whole cluster, as its key store knows. Workers are told of changes at once, and look every few seconds besides. */
export class QueuePauses {
  readonly #options: QueuePausesOptions;

  constructor(options: QueuePausesOptions) {
    this.#options = options;
  }

  /** The pause that there is afterwards: an earlier one stands. Rejects with KeysUnsupportedError, and as the key store does. */
  async pause(queue: string, { reason, by = anonymousNode() }: PauseOptions): Promise<QueuePause> {
    const keys = await this.#keys("Queues cannot be paused");
    const pause = { since: new Date(this.#options.clock.now()), by, reason };
    // An owner of its own, so that of two who pause a queue one alone does.
    const isMade = await keys.claim(keyOf(queue), randomUUID(), FOR_EVER_MS, encodePause(pause));
    if (!isMade) return (await this.read([queue])).get(queue) ?? pause;
    await this.#tell();
    return pause;
  }

  /** The pause that is over; undefined where there was none. Rejects as `pause` does. */
  async resume(queue: string): Promise<QueuePause | undefined> {
    const keys = await this.#keys("Queues cannot be resumed");
    const claim = (await keys.read([keyOf(queue)])).get(keyOf(queue));
    if (claim === undefined || !(await keys.release(keyOf(queue), claim.owner))) return undefined;
    await this.#tell();
    return decodePause(claim);
  }

  /** Those of the queues that are paused. Rejects as the key store does. */
  async read(queues: readonly string[]): Promise<ReadonlyMap<string, QueuePause>> {
    const keys = await this.#options.keys();
    if (keys === undefined || queues.length === 0) return new Map();
    const claims = await keys.read(queues.map(keyOf));
    return new Map(
      queues.flatMap((queue) => {
        const claim = claims.get(keyOf(queue));
        return claim === undefined ? [] : [[queue, decodePause(claim)] as const];
      }),
    );
  }

  async #keys(what: string): Promise<KeyStore> {
    const keys = await this.#options.keys();
    if (keys === undefined) throw new KeysUnsupportedError(what);
    return keys;
  }

  /** Never rejects: whoever does not hear it sees it soon. */
  async #tell(): Promise<void> {
    const { control, log } = this.#options;
    try {
      await control.tell(PAUSES_CHANGED);
    } catch (error) {
      if (error instanceof ControlUnsupportedError) return;
      log.warn("workers not told of a queue's pause, they see it within seconds", { error: toError(error).message });
    }
  }
}

function keyOf(queue: string): string {
  return PREFIX + queue;
}

function encodePause({ since, by, reason }: QueuePause): string {
  return JSON.stringify({ since: since.getTime(), by, reason });
}

/** What somebody else wrote there is a pause too, of which nothing is known. */
function decodePause({ value = "{}" }: Claim): QueuePause {
  const { since, by, reason } = written(value);
  return {
    since: new Date(typeof since === "number" && Math.abs(since) <= LATEST_MS ? since : 0),
    by: typeof by === "string" ? by : "",
    reason: typeof reason === "string" ? reason : undefined,
  };
}

/** The latest time that a Date can have. */
const LATEST_MS = 8.64e15;

function written(value: string): Dict {
  try {
    const read: unknown = JSON.parse(value);
    return isDict(read) ? read : {};
  } catch {
    return {};
  }
}

import type { Handler } from "../../control/control-node.ts";
import { jsonSerializer } from "../../message/serializer.ts";
import type { Snapshot } from "./stand-in-messages.ts";

/** What is asked of a worker and changes with its tasks. */
const LIVELY = ["active", "stats", "active_queues", "reserved", "scheduled"] as const;
/** And what seldom changes. */
const STEADY = ["registered", "conf", "revoked"] as const;

/** Methods whose answers the event loop leaves with the thread, as of a moment ago. */
export const SNAPSHOTS: readonly string[] = [...LIVELY, ...STEADY];

/** Such as `active` with large arguments: texts in place of what may be anything. */
const ARGUMENTS = { safe: true };

/** A longer answer is for the event loop to give, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** After so many milliseconds what is lively is taken again if anything has changed, and all of it in any case. */
const LIVELY_MS = 1_000;
const STEADY_MS = 10_000;

/** What a worker would answer now, taken every now and then. */
export class Snapshots {
  readonly #handlers: ReadonlyMap<string, Handler>;
  #livelyAt = -Infinity;
  #steadyAt = -Infinity;
  #seen: string | undefined;

  constructor(handlers: ReadonlyMap<string, Handler>) {
    this.#handlers = handlers;
  }

  /** What is due, at this uptime; undefined for nothing. `signs` is another text whenever tasks have begun or ended. Never rejects. */
  async take(uptime: number, signs: string): Promise<Snapshot | undefined> {
    const isSteadyDue = uptime - this.#steadyAt >= STEADY_MS;
    const isLivelyDue = uptime - this.#livelyAt >= LIVELY_MS && signs !== this.#seen;
    if (!isSteadyDue && !isLivelyDue) return undefined;
    this.#livelyAt = uptime;
    this.#seen = signs;
    if (isSteadyDue) this.#steadyAt = uptime;
    const answers: Record<string, Uint8Array> = {};
    for (const method of isSteadyDue ? SNAPSHOTS : LIVELY) {
      const answer = await this.#answer(method);
      if (answer !== undefined) answers[method] = answer;
    }
    return answers;
  }

  /** An answer that cannot be had now, or cannot cross the wire, is left out. */
  async #answer(method: string): Promise<Uint8Array | undefined> {
    try {
      const answer: unknown = await this.#handlers.get(method)?.(method === "active" ? ARGUMENTS : {});
      if (answer === undefined) return undefined;
      const bytes = jsonSerializer.encode(answer);
      return bytes.length > MAX_BYTES ? undefined : bytes;
    } catch {
      return undefined;
    }
  }
}

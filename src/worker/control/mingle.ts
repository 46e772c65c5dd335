import type { RemoteControl } from "../../control/remote-control.ts";
import { isDict } from "../../message/fields.ts";
import { abortedByAny } from "../../util/aborted-by-any.ts";
import { deferred } from "../../util/deferred.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import type { RevokedIds } from "../revoked-ids.ts";

/** How long neighbours may take to answer, in milliseconds: one whose loop is blocked does not. Celery: `celery/worker/consumer/mingle.py:Mingle`. */
const HELLO_MS = 1_000;

export interface MingleOptions {
  readonly control: Pick<RemoteControl, "ask">;
  /** The worker's own name. */
  readonly node: string;
  readonly revoked: RevokedIds;
  readonly log: Logger;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * Greets the workers that are there, tells them what this one knows to be revoked, and learns what they know; clocks are set by it too. Resolves once
 * all that hear it have answered, after a second at the latest, and at once where the broker cannot tell whether anybody hears. Never rejects.
 */
export async function mingle({ control, node, revoked, log, signal }: MingleOptions): Promise<void> {
  const [answered, uncounted] = [new AbortController(), deferred()];
  let [neighbours, hearing] = [0, Infinity];
  const note = (connections: number): void => {
    hearing -= connections;
    if (hearing <= 0) answered.abort();
  };
  const onAsked = (hearers: number | undefined): void => {
    if (hearers === undefined) uncounted.resolve();
    else hearing = hearers;
    note(0);
  };
  const onAnswer = (from: string, answer: unknown): void => {
    if (from !== node) neighbours += 1;
    if (from !== node && isDict(answer)) revoked.addHeard(answer["revoked"]);
    note(connectionsOf(answer));
  };
  const args = { from_node: node, revoked: revoked.all };
  const asked = abortedByAny([signal, answered.signal], (over) =>
    control.ask("hello", args, { timeoutMs: HELLO_MS, onAsked, onAnswer, signal: over }),
  ).catch((error: unknown) => {
    if (!signal.aborted && !answered.signal.aborted)
      log.warn("neighbours not greeted", { node, error: toError(error).message });
  });
  await Promise.race([asked, uncounted.promise]);
  if (neighbours > 0) log.info("neighbours greeted", { node, neighbours });
}

/** Ours tell how many connections they hear with; Python's workers have one. */
function connectionsOf(answer: unknown): number {
  const hearing = isDict(answer) ? answer["hearing"] : undefined;
  return typeof hearing === "number" && hearing > 0 ? hearing : 1;
}

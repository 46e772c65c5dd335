import { UnreadableMessageError } from "./errors.ts";
import { isDict } from "./fields.ts";
import type { Dict } from "./fields.ts";

/** A message of protocol 1, or a hybrid of both, laid out as protocol 2 has it. */
export interface UpgradedTask {
  readonly headers: Dict;
  readonly body: readonly unknown[];
}

/**
 * Protocol 1 keeps everything in the body; its headers are all the caller's. Throws UnreadableMessageError.
 *
 * Celery: `celery/worker/strategy.py:proto1_to_proto2`.
 */
export function upgradeTaskV1(headers: Dict, body: unknown): UpgradedTask {
  if (!isDict(body) || typeof body["task"] !== "string") {
    throw new UnreadableMessageError('it has no header "task" (protocol 2) and no "task" in its body (protocol 1)');
  }
  return { headers: { ...headers, ...headersIn(body), group: body["taskset"] ?? body["group"] }, body: bodyOf(body) };
}

/**
 * The hybrid has both: protocol 2's headers, which win, and protocol 1's body.
 *
 * Celery: `celery/worker/strategy.py:hybrid_to_proto2`.
 */
export function upgradeHybridTask(headers: Dict, body: Dict): UpgradedTask {
  return { headers: { ...headersIn(body), ...headers }, body: bodyOf(body) };
}

const HEADERS_IN_BODY = [
  "task",
  "id",
  "root_id",
  "parent_id",
  "group",
  "group_index",
  "shadow",
  "eta",
  "expires",
  "retries",
  "timelimit",
  "argsrepr",
  "kwargsrepr",
  "origin",
] as const;

function headersIn(body: Dict): Dict {
  return Object.fromEntries(HEADERS_IN_BODY.map((name) => [name, body[name]]));
}

function bodyOf(body: Dict): readonly unknown[] {
  const { args = [], kwargs = {}, callbacks, errbacks, chord } = body;
  return [args, kwargs, { callbacks, errbacks, chord }];
}

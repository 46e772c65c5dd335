import { createHash } from "node:crypto";
import { encodeJson } from "../message/json.ts";
import type { TaskRequest } from "../message/task-request.ts";
import { keysOf, unknownKey } from "./known-keys.ts";

/** Makes a key of a call's arguments: calls with the same text are the same to who asks. */
export type KeyOfCall = (call: Pick<TaskRequest, "args" | "kwargs">) => string;

/** Of calls of one task with the same key, only one waits or runs. */
export interface UniqueOptions {
  /** @default all of the call's arguments */
  readonly key?: KeyOfCall;
  /** How long the key is held: until a worker takes the call, until the call has ended, or for so long from when it was sent. @default "end" */
  readonly until?: "start" | "end" | { readonly forMs: number };
  /**
   * What a second call does: nothing, and its sender gets the first one's result; or it takes the place of the first, unless that runs already.
   * `replace` does not go with `forMs`. @default "keep-first"
   */
  readonly onDuplicate?: "keep-first" | "replace";
}

/** Of calls with the same key, of whatever tasks, only so many run at once. */
export interface ConcurrencyOptions {
  /** The key itself, or what makes it of a call's arguments. */
  readonly key: string | KeyOfCall;
  /** How many may run at once. @default 1 */
  readonly limit?: number;
  /**
   * What becomes of a call that finds them all running: it waits in its queue, ends REVOKED (`discarded`), or has the one that runs longest
   * revoked and waits for that. @default "wait"
   */
  readonly onBusy?: OnBusy;
}

export type OnBusy = "wait" | "discard" | "cancel-oldest";

const UNIQUE = keysOf<UniqueOptions>({ key: true, until: true, onDuplicate: true });
const CONCURRENCY = keysOf<ConcurrencyOptions>({ key: true, limit: true, onBusy: true });

/** Longer keys are hashed: brokers keep them in an index. In characters. */
const LONGEST_KEY = 200;

/** The key under which a call is unique: of its own task alone. Throws what the task's own function throws. */
export function uniqueKeyOf({ task, args, kwargs }: TaskRequest, { key }: UniqueOptions): string {
  return shortened(
    `${task}:${key === undefined ? encodeJson([args, kwargs], "arguments") : checked(key({ args, kwargs }))}`,
  );
}

/** Throws what the task's own function throws. */
export function concurrencyKeyOf({ args, kwargs }: TaskRequest, { key }: ConcurrencyOptions): string {
  return shortened(typeof key === "string" ? key : checked(key({ args, kwargs })));
}

/** What is wrong with the options, as a sentence; undefined when they are fine. */
export function faultOfUnique(options: UniqueOptions): string | undefined {
  const unknown = unknownKey(options, UNIQUE);
  if (unknown !== undefined) return `unknown key ${unknown} in unique.`;
  const { key, until = "end", onDuplicate = "keep-first" } = options as Readonly<Record<string, unknown>>;
  if (key !== undefined && typeof key !== "function") return "unique.key must be a function of a call's arguments.";
  if (onDuplicate !== "keep-first" && onDuplicate !== "replace")
    return 'unique.onDuplicate must be "keep-first" or "replace".';
  if (until === "start" || until === "end") return undefined;
  if (!isForTime(until)) return 'unique.until must be "start", "end" or { forMs: milliseconds }.';
  return onDuplicate === "replace" ? "unique.onDuplicate cannot be replace together with forMs." : undefined;
}

/** As `faultOfUnique`. */
export function faultOfConcurrency(options: ConcurrencyOptions): string | undefined {
  const unknown = unknownKey(options, CONCURRENCY);
  if (unknown !== undefined) return `unknown key ${unknown} in concurrency.`;
  const { key, limit = 1, onBusy = "wait" } = options as unknown as Readonly<Record<string, unknown>>;
  if (typeof key !== "function" && (typeof key !== "string" || key === ""))
    return "concurrency.key must be a text, or a function of a call's arguments.";
  if (!Number.isSafeInteger(limit) || (limit as number) < 1)
    return "concurrency.limit must be a whole number of at least 1.";
  if (onBusy !== "wait" && onBusy !== "discard" && onBusy !== "cancel-oldest")
    return 'concurrency.onBusy must be "wait", "discard" or "cancel-oldest".';
  return undefined;
}

function isForTime(until: unknown): boolean {
  if (typeof until !== "object" || until === null) return false;
  const { forMs } = until as { readonly forMs?: unknown };
  return typeof forMs === "number" && forMs > 0;
}

/** Throws TypeError for what a key function in JavaScript may give instead. */
function checked(key: unknown): string {
  if (typeof key === "string" && key !== "") return key;
  throw new TypeError(`The key of a call must be a text that is not empty, and not ${String(key)}.`);
}

function shortened(key: string): string {
  return key.length <= LONGEST_KEY ? key : `sha256:${createHash("sha256").update(key).digest("hex")}`;
}

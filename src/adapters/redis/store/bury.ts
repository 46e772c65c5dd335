import type { DeadLetter, DeadLetterFilter, DeadLetterQuery, DeadLetterReason } from "../../../broker/broker.ts";
import type { Message } from "../../../message/message.ts";
import type { Argument, RedisLink } from "../connections/redis-link.ts";
import { decodeEnvelope } from "../envelope.ts";
import { BURY } from "./dead-letter-scripts.ts";
import type { StoreKeys } from "./keys.ts";
import { deliveriesBefore, historyIn, stateIn } from "./own-state.ts";
import { parsePlace } from "./place.ts";
import { rewrite } from "./take-over.ts";

const DEFAULT_LIMIT = 100;

/** A dead letter as it is kept: JSON, its envelope as text within. */
export interface StoredLetter extends DeadLetterReason {
  readonly queue: string;
  /** In ms since the epoch. */
  readonly diedAt: number;
  readonly envelope: string;
}

/** What is to die: the receipt and the reason. */
export interface Dying {
  readonly receipt: string;
  readonly reason: DeadLetterReason;
}

/** Makes dead letters of what is held. Returns the receipts that were no longer held. */
export async function bury(
  link: RedisLink,
  keys: StoreKeys,
  dying: readonly Dying[],
  now: number,
): Promise<readonly string[]> {
  if (dying.length === 0) return [];
  const reasons = new Map(dying.map(({ receipt, reason }) => [receipt, reason]));
  const letters = await rewrite(link, keys, [...reasons.keys()], (envelope, receipt) => {
    const { code = "", detail = "" } = reasons.get(receipt) ?? {};
    const letter: StoredLetter = { queue: parsePlace(receipt)?.queue ?? "", code, detail, diedAt: now, envelope };
    return JSON.stringify(letter);
  });
  const args = [...reasons].flatMap(([receipt, { code }]): readonly Argument[] => [
    receipt,
    code,
    letters.get(receipt) ?? "",
  ]);
  return (await link.script(BURY, [], [keys.prefix, ...args])) as readonly string[];
}

/** As `MessageStore.deadLetters`. */
export async function listDeadLetters(
  link: RedisLink,
  keys: StoreKeys,
  query: DeadLetterQuery,
): Promise<readonly DeadLetter[]> {
  const { limit = DEFAULT_LIMIT, after = "0" } = query;
  if (!isLetterId(after) && after !== "0") return [];
  const ids = await idsBetween(link, keys, query, after, "+inf", limit);
  const letters = await lettersOf(link, keys, ids);
  return [...letters].map(([id, letter]) => deadLetterOf(id, letter));
}

export function isLetterId(id: string): boolean {
  return /^[1-9]\d{0,14}$/.test(id);
}

/** The first ids behind `after` and up to `last`, in their order. */
export async function idsBetween(
  link: RedisLink,
  keys: StoreKeys,
  filter: DeadLetterFilter,
  after: string,
  last: string,
  max: number,
): Promise<readonly string[]> {
  const range = ["ZRANGEBYSCORE", keys.deadLetterIndex(filter), `(${after}`, last, "LIMIT", 0, max] as const;
  return (await link.command(range)) as readonly string[];
}

/** Those of these that are there still. */
export async function lettersOf(
  link: RedisLink,
  keys: StoreKeys,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StoredLetter>> {
  if (ids.length === 0) return new Map();
  const texts = (await link.command(["HMGET", keys.deadLetters, ...ids])) as readonly (string | null)[];
  const letters = new Map<string, StoredLetter>();
  for (const [index, id] of ids.entries()) {
    const text = texts[index] ?? null;
    if (text !== null) letters.set(id, JSON.parse(text) as StoredLetter);
  }
  return letters;
}

function deadLetterOf(id: string, { queue, code, detail, diedAt, envelope: text }: StoredLetter): DeadLetter {
  const envelope = decodeEnvelope(text);
  return {
    id,
    queue,
    message: envelope?.message ?? withoutEnvelope(text),
    reason: { code, detail },
    deliveries: envelope === undefined ? 1 : deliveriesBefore(envelope) + 1,
    history: envelope === undefined ? [] : historyIn(stateIn(envelope)),
    diedAt: new Date(diedAt),
  };
}

/** What was found in a queue and is no message. */
function withoutEnvelope(text: string): Message {
  return {
    contentType: "application/octet-stream",
    contentEncoding: "binary",
    headers: {},
    properties: {},
    body: Buffer.from(text),
  };
}

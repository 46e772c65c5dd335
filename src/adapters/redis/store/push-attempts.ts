import { randomUUID } from "node:crypto";
import { UnroutableError } from "../../../broker/errors.ts";
import type { PushItem } from "../../../broker/queued/message-store.ts";
import { RedisReplyError, script, type RedisLink } from "../connections/redis-link.ts";
import type { StoreKeys } from "./keys.ts";

/** For each item the correlation id of the message that holds its unique key; nothing where it is in its queues. */
export type Holders = readonly (string | undefined)[];

/**
 * `begin_attempt()`: whether this push is to be made; false for one that the network has held back until its messages were sent again. `end_attempt(holders)`
 * notes what it answers. KEYS: the attempt's own, then those of attempts whose answers have come. `KEPT_MS` is longer than a network may hold back what was sent
 * before its connection was given up.
 */
export const ATTEMPT = `
local KEPT_MS = 900000
local function begin_attempt()
  if #KEYS > 1 then redis.call('DEL', unpack(KEYS, 2)) end
  return redis.call('SET', KEYS[1], '[]', 'NX', 'PX', KEPT_MS)
end
local function end_attempt(holders)
  redis.call('SET', KEYS[1], cjson.encode(holders), 'XX', 'KEEPTTL')
end
`;

const GIVEN_UP = "given up";

/** For each attempt what it has answered. One that was not made never will be. */
const GIVE_UP = script(`
${ATTEMPT}
local answers = {}
for i, attempt in ipairs(KEYS) do
  answers[i] = redis.call('GET', attempt)
  if not answers[i] then
    redis.call('SET', attempt, '${GIVEN_UP}', 'PX', KEPT_MS)
    answers[i] = '${GIVEN_UP}'
  end
end
return answers
`);

/** Attempts that are forgotten by one push. */
const FORGOTTEN_AT_ONCE = 1_000;

/** A push that included a message, which was the `index`-th. */
interface Unanswered {
  readonly attempt: string;
  readonly index: number;
}

/**
 * What was pushed and not answered, since the connection was lost: it may be done or not. Whoever sends it again is told what became of it, so that one send is
 * one message however often it is tried.
 */
export class PushAttempts {
  readonly #link: RedisLink;
  readonly #prefix: string;
  #count = 0;
  /** Keys that nobody will ask for. */
  #answered: string[] = [];
  readonly #unanswered = new WeakMap<PushItem["message"], Unanswered>();

  constructor(link: RedisLink, keys: StoreKeys) {
    this.#link = link;
    this.#prefix = keys.pushed(randomUUID());
  }

  /** What became of those that were pushed before; the others are to be pushed now. */
  async outcomes(items: readonly PushItem[]): Promise<ReadonlyMap<PushItem, string | undefined>> {
    const outcomes = new Map<PushItem, string | undefined>();
    const before: (Unanswered & { readonly item: PushItem })[] = [];
    for (const item of items) {
      const unanswered = this.#unanswered.get(item.message);
      if (unanswered !== undefined) before.push({ item, ...unanswered });
    }
    if (before.length === 0) return outcomes;
    const attempts = [...new Set(before.map(({ attempt }) => attempt))];
    const answers = (await this.#link.script(GIVE_UP, attempts, [])) as readonly string[];
    const holdersOf = new Map(attempts.map((attempt, index) => [attempt, holdersIn(answers[index] ?? GIVEN_UP)]));
    for (const { item, attempt, index } of before) {
      const holders = holdersOf.get(attempt);
      if (holders === undefined) this.#unanswered.delete(item.message);
      else outcomes.set(item, holders[index]);
    }
    return outcomes;
  }

  /** `push` is given the KEYS of its script. Nothing is done where there is nothing to push. */
  async make(items: readonly PushItem[], push: (keys: readonly string[]) => Promise<Holders>): Promise<Holders> {
    if (items.length === 0) return [];
    const attempt = `${this.#prefix}:${(this.#count += 1)}`;
    const answered = this.#answered.splice(0, FORGOTTEN_AT_ONCE);
    try {
      const holders = await push([attempt, ...answered]);
      this.#answered.push(attempt);
      return holders;
    } catch (error) {
      if (!(error instanceof UnroutableError) && !(error instanceof RedisReplyError)) {
        for (const [index, { message }] of items.entries()) this.#unanswered.set(message, { attempt, index });
      }
      throw error;
    }
  }

  /** The callers of these have been answered. */
  forget(items: readonly PushItem[]): void {
    for (const { message } of items) this.#unanswered.delete(message);
  }
}

/** Undefined when nothing was done. */
function holdersIn(answer: string): Holders | undefined {
  if (answer === GIVEN_UP) return undefined;
  return (JSON.parse(answer) as readonly string[]).map((owner) => (owner === "" ? undefined : owner));
}

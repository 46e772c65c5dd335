import type { DeadLetterFilter, DeadLetterSelection } from "../../../broker/broker.ts";
import { UnroutableError } from "../../../broker/errors.ts";
import { withNote } from "../../../broker/queued/history.ts";
import type { Argument, RedisLink } from "../connections/redis-link.ts";
import { decodeEnvelope, priorityStep, redelivered } from "../envelope.ts";
import { idsBetween, isLetterId, lettersOf, type StoredLetter } from "./bury.ts";
import { FORGET, REPLAY, REPLAYABLE } from "./dead-letter-scripts.ts";
import type { StoreKeys } from "./keys.ts";
import { historyIn, ownState, stateIn, storedHistory } from "./own-state.ts";

/** Dead letters replayed or dropped in one step: others have their turn in between. */
const AT_ONCE = 500;

/** As `MessageStore.replay`. */
export async function replay(
  link: RedisLink,
  keys: StoreKeys,
  selection: DeadLetterSelection,
  queue: string | undefined,
): Promise<number> {
  await assertReplayable(link, keys, selection, queue);
  return inSteps(link, keys, selection, async (letters) => {
    const args = [...letters].flatMap(([id, letter]) => replayArguments(id, letter, queue));
    const answer = await link.script(REPLAY, [], [keys.prefix, ...args]);
    if (typeof answer === "string") throw new UnroutableError("", answer);
    return Number(answer);
  });
}

/** As `MessageStore.drop`. */
export function drop(link: RedisLink, keys: StoreKeys, selection: DeadLetterSelection): Promise<number> {
  return inSteps(link, keys, selection, async (letters) => {
    const args = [...letters].flatMap(([id, { queue, code }]) => [id, queue, code]);
    return Number(await link.script(FORGET, [], [keys.prefix, ...args]));
  });
}

type Letters = ReadonlyMap<string, StoredLetter>;

/** Hands what was chosen to `work`, some at a time and the oldest first, and adds up what it returns. What dies meanwhile is not among them. */
async function inSteps(
  link: RedisLink,
  keys: StoreKeys,
  selection: DeadLetterSelection,
  work: (letters: Letters) => Promise<number>,
): Promise<number> {
  const last = ((await link.command(["GET", keys.lastDeadLetter])) as string | null) ?? "0";
  for (let total = 0, after = "0"; ;) {
    const ids = await chosenBetween(link, keys, selection, after, last);
    const letters = await lettersOf(link, keys, ids);
    if (letters.size > 0) total += await work(letters);
    if (ids.length < AT_ONCE) return total;
    after = ids.at(-1) ?? last;
  }
}

async function chosenBetween(
  link: RedisLink,
  keys: StoreKeys,
  selection: DeadLetterSelection,
  after: string,
  last: string,
): Promise<readonly string[]> {
  if (!("ids" in selection)) return idsBetween(link, keys, selection, after, last, AT_ONCE);
  return oldestFirst(selection.ids)
    .filter((id) => Number(id) > Number(after) && Number(id) <= Number(last))
    .slice(0, AT_ONCE);
}

/** Each once, and only what may be an id. */
function oldestFirst(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].filter(isLetterId).sort((a, b) => Number(a) - Number(b));
}

/** As if new, at the end of its queue; its death is the last note in its history. */
function replayArguments(id: string, letter: StoredLetter, to: string | undefined): readonly Argument[] {
  const { queue, code, envelope: text, diedAt } = letter;
  const envelope = decodeEnvelope(text);
  if (envelope === undefined) return [id, queue, code, to ?? queue, 0, text, "", "", ""];
  const state = stateIn(envelope);
  const history = storedHistory(withNote(historyIn(state), letter, diedAt));
  const { correlationId = "", priority } = envelope.message.properties;
  const revived = redelivered(text, ownState({ ...state, deliveries: 0, history }));
  const unique = [envelope.deliveryTag, state.unique?.key ?? "", correlationId];
  return [id, queue, code, to ?? queue, priorityStep(priority), revived, ...unique];
}

async function assertReplayable(
  link: RedisLink,
  keys: StoreKeys,
  selection: DeadLetterSelection,
  to: string | undefined,
): Promise<void> {
  const wanted = "ids" in selection ? { to, ids: oldestFirst(selection.ids) } : { to, ...pick(selection) };
  const missing = await link.script(REPLAYABLE, [], [keys.prefix, JSON.stringify(wanted)]);
  if (typeof missing === "string") throw new UnroutableError("", missing);
}

function pick({ queue, code }: DeadLetterFilter): DeadLetterFilter {
  return { queue, code };
}

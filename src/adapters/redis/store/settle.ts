import { randomUUID } from "node:crypto";
import type { Settlement } from "../../../broker/queued/message-store.ts";
import type { Argument, RedisLink, Script } from "../connections/redis-link.ts";
import { bury } from "./bury.ts";
import type { StoreKeys } from "./keys.ts";
import { fenceOf, formatPlace, parsePlace, type Place } from "./place.ts";
import { ACK, DEFER, HAND_BACK, RENEW } from "./settle-scripts.ts";
import { failed, REQUEUE, rewrite } from "./take-over.ts";

type Of<Outcome extends Settlement["outcome"]> = Extract<Settlement, { readonly outcome: Outcome }>;

/** A settlement whose receipt is one of ours. */
interface Placed<S extends Settlement> {
  readonly settlement: S;
  readonly place: Place;
}

/** As `MessageStore.settle`: one round trip for all that are acknowledged, handed back or deferred; what is rewritten is read first. */
export async function settle(
  link: RedisLink,
  keys: StoreKeys,
  settlements: readonly Settlement[],
  now: number,
): Promise<readonly string[]> {
  const lost: string[] = [];
  const acked: Placed<Of<"ack">>[] = [];
  const requeued: Placed<Of<"requeue">>[] = [];
  const handedBack: Placed<Of<"hand-back">>[] = [];
  const deferred: Placed<Of<"defer">>[] = [];
  const died: Of<"dead-letter">[] = [];
  for (const settlement of settlements) {
    const place = parsePlace(settlement.receipt);
    if (place === undefined) lost.push(settlement.receipt);
    else if (settlement.outcome === "ack") acked.push({ settlement, place });
    else if (settlement.outcome === "requeue") requeued.push({ settlement, place });
    else if (settlement.outcome === "hand-back") handedBack.push({ settlement, place });
    else if (settlement.outcome === "defer") deferred.push({ settlement, place });
    else died.push(settlement);
  }
  const settled = await Promise.all([
    ack(link, keys, acked),
    handBack(link, keys, handedBack),
    defer(link, keys, deferred),
    requeue(link, keys, requeued, now),
    bury(link, keys, died, now),
  ]);
  return lost.concat(...settled);
}

/** Returns the receipts that were no longer held. */
export function renew(
  link: RedisLink,
  keys: StoreKeys,
  receipts: readonly string[],
  leaseMs: number,
): Promise<readonly string[]> {
  const ours = receipts.filter((receipt) => parsePlace(receipt) !== undefined);
  return run(link, keys, RENEW, ours.length, [Math.ceil(leaseMs), ...ours]);
}

async function ack(link: RedisLink, keys: StoreKeys, acked: readonly Placed<Of<"ack">>[]): Promise<readonly string[]> {
  const unique: string[] = [];
  const queues = new Map<string, string[]>();
  for (const { settlement, place } of acked) {
    const receipts = queues.get(place.queue);
    if (place.key !== undefined) unique.push(settlement.receipt);
    else if (receipts === undefined) queues.set(place.queue, [settlement.receipt]);
    else receipts.push(settlement.receipt);
  }
  const args: Argument[] = [unique.length];
  for (const [queue, receipts] of queues) {
    args.push(queue, receipts.length);
    for (const receipt of receipts) args.push(receipt);
  }
  return run(link, keys, ACK, acked.length, args.concat(unique));
}

function handBack(
  link: RedisLink,
  keys: StoreKeys,
  handedBack: readonly Placed<Of<"hand-back">>[],
): Promise<readonly string[]> {
  const receipts = lastFirst(handedBack).map(({ settlement }) => settlement.receipt);
  return run(link, keys, HAND_BACK, receipts.length, receipts);
}

function defer(link: RedisLink, keys: StoreKeys, deferred: readonly Placed<Of<"defer">>[]): Promise<readonly string[]> {
  const args = deferred.flatMap(({ settlement, place }): readonly Argument[] => [
    settlement.receipt,
    formatPlace({ ...place, id: randomUUID() }),
    Math.max(0, settlement.until.getTime()),
  ]);
  return run(link, keys, DEFER, args.length, args);
}

async function requeue(
  link: RedisLink,
  keys: StoreKeys,
  requeued: readonly Placed<Of<"requeue">>[],
  now: number,
): Promise<readonly string[]> {
  if (requeued.length === 0) return [];
  const reasons = new Map(requeued.map(({ settlement }) => [settlement.receipt, settlement.reason]));
  const receipts = lastFirst(requeued).map(({ settlement }) => settlement.receipt);
  const change = (text: string, receipt: string): string => failed(text, reasons.get(receipt), now);
  const rewritten = await rewrite(link, keys, receipts, change);
  const args = receipts.flatMap((receipt) => [receipt, rewritten.get(receipt) ?? ""]);
  return run(link, keys, REQUEUE, args.length, ["", ...args]);
}

/** What was handed out first is to be served first again: it goes back last. */
function lastFirst<S extends Settlement>(settlements: readonly Placed<S>[]): readonly Placed<S>[] {
  return settlements.toSorted((a, b) => fenceOf(b.place) - fenceOf(a.place));
}

async function run(
  link: RedisLink,
  keys: StoreKeys,
  script: Script,
  count: number,
  args: readonly Argument[],
): Promise<readonly string[]> {
  return count === 0 ? [] : ((await link.script(script, [], [keys.prefix, ...args])) as readonly string[]);
}

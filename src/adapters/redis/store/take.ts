import { randomUUID } from "node:crypto";
import type { Leased } from "../../../broker/queued/message-store.ts";
import type { Argument, RedisLink } from "../connections/redis-link.ts";
import type { EmptyFamilies } from "../empty-families.ts";
import { decodeEnvelope } from "../envelope.ts";
import type { StoreKeys } from "./keys.ts";
import { deliveriesBefore } from "./own-state.ts";
import { unackedTail } from "./place.ts";
import { restore } from "./restore.ts";
import { takeOver } from "./take-over.ts";
import { TAKE } from "./take-script.ts";

export interface Taken {
  readonly leased: readonly Leased[];
  /** Receipts of what was found in the stead of messages, and cannot be read. */
  readonly unreadable: readonly string[];
  /** Where nothing was there: how long it may be, at most, until something is due, in milliseconds. */
  readonly dueMs: number;
}

export interface TakeRules {
  readonly max: number;
  readonly leaseMs: number;
  /** As `RedisStoreOptions.visibilityTimeoutMs`. */
  readonly visibilityTimeoutMs: number;
  readonly families: EmptyFamilies;
}

/** Hands out up to `max` messages in one round trip, unless others have died with some: then these are put back before. */
export async function take(
  link: RedisLink,
  keys: StoreKeys,
  queues: readonly string[],
  { max, leaseMs, visibilityTimeoutMs, families }: TakeRules,
): Promise<Taken> {
  const places = queues.flatMap((queue) => [queue, unackedTail(queue)]);
  for (;;) {
    const { wanted } = families;
    const tellEmpty = families.look();
    const args: readonly Argument[] = [
      keys.prefix,
      randomUUID(),
      max,
      Math.ceil(leaseMs),
      visibilityTimeoutMs / 1_000,
      wanted.length,
      ...wanted,
      ...places,
    ];
    const reply = (await link.script(TAKE, [], args)) as TakeReply;
    switch (reply[0]) {
      case "lapsed":
        await takeOver(link, keys, reply.slice(1));
        break;
      case "forgotten":
        await restore(link, keys, reply.slice(1));
        break;
      case "none":
        return { leased: [], unreadable: [], dueMs: reply[1] < 0 ? Infinity : reply[1] };
      case "taken":
        tellEmpty(wanted.filter((_, index) => reply[5][index] === 0));
        return takenOf(reply, queues);
    }
  }
}

type TakeReply =
  | readonly ["lapsed" | "forgotten", ...string[]]
  | readonly ["none", number]
  | readonly [
      "taken",
      firstFence: string,
      sources: readonly number[],
      receipts: readonly string[],
      envelopes: readonly string[],
      found: readonly number[],
    ];

function takenOf(reply: Extract<TakeReply, readonly ["taken", ...unknown[]]>, queues: readonly string[]): Taken {
  const [, firstFence, sources, receipts, envelopes] = reply;
  const leased: Leased[] = [];
  const unreadable: string[] = [];
  let index = 0;
  for (let source = 0; source < sources.length; source += 2) {
    const queue = queues[sources[source] ?? 0] ?? "";
    for (let left = sources[source + 1] ?? 0; left > 0; left -= 1, index += 1) {
      const receipt = receipts[index] ?? "";
      const envelope = decodeEnvelope(envelopes[index] ?? "");
      if (envelope === undefined) {
        unreadable.push(receipt);
        continue;
      }
      const { message } = envelope;
      const deliveries = deliveriesBefore(envelope) + 1;
      leased.push({ receipt, message, queue, deliveries, fence: Number(firstFence) + index });
    }
  }
  return { leased, unreadable, dueMs: 0 };
}

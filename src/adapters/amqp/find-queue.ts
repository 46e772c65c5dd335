import type { Replies } from "amqplib";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";

/** What the server tells of a queue; undefined where there is none. Rejects with AmqpReplyError: 405 tells that another connection has it for itself. */
export async function findQueue(pool: ChannelPool, name: string): Promise<Replies.AssertQueue | undefined> {
  try {
    return await pool.call((raw) => raw.checkQueue(name));
  } catch (error) {
    if (isRefusedWith(error, 404)) return undefined;
    throw error;
  }
}

import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";

/** So many arguments may a queue have been declared with. */
const MAX_ARGUMENTS = 20;

/**
 * Whether a queue that exists is of a type that knows no limit over several consumers, as quorum queues do not. AMQP does not tell: it is asked to be a classic one, with
 * whatever arguments it turns out to have, until it agrees or says that it is another.
 */
export async function isReplicated(pool: ChannelPool, queue: string): Promise<boolean> {
  const args: Record<string, unknown> = { "x-queue-type": "classic" };
  for (let tries = 0; tries < MAX_ARGUMENTS; tries += 1) {
    try {
      await pool.call((raw) => raw.assertQueue(queue, { durable: true, arguments: args }));
      return false;
    } catch (error) {
      if (!isRefusedWith(error, 406, 405)) throw error;
      const [, argument = "", value = "", type = ""] = CURRENT.exec(error.text) ?? [];
      if (argument === "x-queue-type") return !error.text.includes("current is 'classic'");
      if (!argument.startsWith("x-") || args[argument] !== undefined) return false;
      args[argument] = type === "longstr" ? value : Number(value);
    }
  }
  return false;
}

const CURRENT = /inequivalent arg '(.+?)' for .*current is (?:the value )?'(.*?)'(?: of type '(\w+)')?/s;

import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";

/** So many arguments may a queue have been declared with. */
const MAX_ARGUMENTS = 20;

/** No queue is of this type: to declare one is always refused, and makes none. */
const NO_TYPE = "celeriac-asks";

/**
 * Whether a queue is of a type that knows no limit over several consumers, as quorum queues do not. AMQP does not tell: it is asked to be of a type that does not
 * exist, with whatever arguments it turns out to have, until the refusal names the one that it is of.
 */
export async function isReplicated(pool: ChannelPool, queue: string): Promise<boolean> {
  const args: Record<string, unknown> = { "x-queue-type": NO_TYPE };
  for (let tries = 0; tries < MAX_ARGUMENTS; tries += 1) {
    try {
      await pool.call((raw) => raw.assertQueue(queue, { durable: true, arguments: args }));
      return false;
    } catch (error) {
      if (!isRefusedWith(error, 406, 405)) throw error;
      const [, argument = "", value = "", type = ""] = CURRENT.exec(error.text) ?? [];
      if (argument === "x-queue-type") return value !== "classic";
      // A queue without the argument is classic; what is not durable, or another's, is too.
      if (!argument.startsWith("x-") || args[argument] !== undefined) return false;
      args[argument] = type === "longstr" ? value : Number(value);
    }
  }
  return false;
}

const CURRENT = /inequivalent arg '(.+?)' for .*current is (?:the value )?'(.*?)'(?: of type '(\w+)')?/s;

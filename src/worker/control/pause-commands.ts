import { PAUSES_CHANGED } from "../../app/queue-pauses.ts";
import type { OpenParts } from "../parts.ts";
import type { Commands } from "./command-table.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

/** Who paused a queue, where the order does not say. */
const SOMEBODY = "remote control";

/** Whichever worker is told, a pause holds for the whole cluster: it stands in the key store, and all look there. */
export function pauseCommands({ app }: ControlledWorker, { pausedQueues }: OpenParts): Commands {
  return {
    pause_queue: async (args) => {
      const queue = args.text("queue");
      const options = { reason: args.optionalText("reason"), by: args.optionalText("by") ?? SOMEBODY };
      await app.pauseQueue(queue, options);
      await pausedQueues.look();
      return { ok: `queue ${queue} paused` };
    },
    resume_queue: async (args) => {
      const queue = args.text("queue");
      const ended = await app.resumeQueue(queue);
      await pausedQueues.look();
      return { ok: ended === undefined ? `queue ${queue} not paused` : `queue ${queue} resumed` };
    },
    [PAUSES_CHANGED]: async () => {
      await pausedQueues.look();
    },
  };
}

import type { ConsumeMessage } from "amqplib";
import { LEASE_LOST, withNote } from "../../broker/queued/history.ts";
import { nextFence } from "../../broker/queued/next-fence.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import type { HandOut } from "./amqp-delivery.ts";
import { countOfQuorum, marksOf } from "./amqp-message.ts";

/** The last fence of this process: other processes are later by their clocks. */
let lastFence = 0;

export function newFence(clock: Clock): number {
  return (lastFence = nextFence(lastFence, clock.now()));
}

/** What is known of a message that has just come from this queue. */
export function handOutOf(raw: ConsumeMessage, queue: string, clock: Clock): HandOut {
  const { deliveries, history } = marksOf(raw);
  const returns = countOfQuorum(raw) ?? 0;
  return {
    queue,
    fence: newFence(clock),
    takenAt: uptimeOf(clock),
    deliveries: deliveries + returns + 1,
    history: returns === 0 ? history : withNote(history, LEASE_LOST, clock.now()),
  };
}

import type { QueueAccess } from "../../app/queue-table.ts";
import type { ArgumentReader } from "../../control/argument-reader.ts";
import type { ExchangeType } from "../../routing/topology.ts";
import type { ControlledWorker } from "./controlled-worker.ts";
import type { Commands } from "./command-table.ts";

const EXCHANGE_TYPES: readonly ExchangeType[] = ["direct", "topic", "fanout"];

/** Real Celery dies of `add_consumer` without a queue. */
export function queueCommands(worker: ControlledWorker): Commands {
  let last: Promise<unknown> = Promise.resolve();
  /** What was ordered first is done first. */
  const inOrder = <T>(work: () => T | Promise<T>): Promise<T> => {
    const done = last.then(work, work);
    last = done.catch(() => undefined); // whoever ordered it is told
    return done;
  };
  return {
    add_consumer: (args) => {
      const name = args.text("queue");
      const via = accessIn(args, name);
      return inOrder(async () => {
        await worker.addQueue(name, via);
        return { ok: `add consumer ${name}` };
      });
    },
    cancel_consumer: (args) => {
      const name = args.text("queue");
      return inOrder(() => {
        worker.cancelQueue(name);
        return { ok: `no longer consuming from ${name}` };
      });
    },
  };
}

/** Where only the queue is named, the app knows best. Celery: `worker/consumer/consumer.py:Consumer.add_task_queue`. */
function accessIn(args: ArgumentReader, queue: string): QueueAccess | undefined {
  const exchange = args.optionalText("exchange") ?? queue;
  const routingKey = args.optionalText("routing_key") ?? queue;
  const given = args.optionalText("exchange_type") ?? "direct";
  const type = EXCHANGE_TYPES.find((known) => known === given);
  if (type === undefined) throw new TypeError(`the argument "exchange_type" is none of ${EXCHANGE_TYPES.join(", ")}`);
  if (exchange === queue && routingKey === queue && type === "direct") return undefined;
  return { exchange: { name: exchange, type }, routingKey };
}

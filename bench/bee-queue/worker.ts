import { obey, readOrders } from "../draining.ts";
import { openQueue } from "./queue.ts";

const orders = readOrders();
await obey(orders, async (onTask) => {
  const queue = openQueue(Number(orders.place), {
    isWorker: true,
    activateDelayedJobs: true,
    ...(orders.keepsResults ? {} : { removeOnSuccess: true, sendEvents: false }),
  });
  await queue.ready();
  queue.process(orders.concurrency, async () => {
    onTask();
    return null;
  });
  return { stop: () => queue.close() };
});

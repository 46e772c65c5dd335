import { Worker } from "bullmq";
import { obey, readOrders } from "../draining.ts";

const orders = readOrders();
await obey(orders, async (onTask) => {
  const worker = new Worker("bench", async () => onTask(), {
    connection: { host: "127.0.0.1", port: Number(orders.place), maxRetriesPerRequest: null },
    concurrency: orders.concurrency,
    ...(orders.keepsResults ? {} : { removeOnComplete: { count: 0 } }),
  });
  await worker.waitUntilReady();
  return { stop: () => worker.close() };
});

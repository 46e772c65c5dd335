import { Worker } from "celeriac/worker";
import { obey, readOrders } from "../draining.ts";
import { openApp } from "./app.ts";

const orders = readOrders();
await obey(orders, async (onTask) => {
  const { app } = openApp(orders.place, { keepsResults: orders.keepsResults, work: onTask });
  const worker = new Worker(app, { concurrency: orders.concurrency });
  await worker.start();
  return { stop: () => worker.stop(), close: () => app.close() };
});

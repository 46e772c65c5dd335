import { Worker } from "celeriac/worker";
import { obey, readOrders } from "../draining.ts";
import { openApp } from "./app.ts";

const orders = readOrders();
await obey(orders, async (onTask) => {
  const { place, concurrency, keepsResults, tellsEvents = false } = orders;
  const { app } = openApp(place, { keepsResults, tellsEvents, work: onTask });
  const worker = new Worker(app, { concurrency });
  await worker.start();
  return { stop: () => worker.stop(), close: () => app.close() };
});

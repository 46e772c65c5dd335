import { Worker } from "celeriac/worker";
import { openApp } from "./app.ts";
import { obey, readOrders } from "./draining.ts";

const { place, concurrency, results, ...orders } = readOrders();
await obey({ place, concurrency, results, ...orders }, async (onTask) => {
  const { app } = openApp(place, { results, work: onTask });
  const worker = new Worker(app, { concurrency });
  await worker.start();
  return { stop: () => worker.stop(), close: () => app.close() };
});

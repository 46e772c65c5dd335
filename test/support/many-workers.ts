/** Many workers with an app each, in a process of their own: `many-workers.ts URL FIRST COUNT`. They stop when it is sent anything. */
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import { silentLogger as log } from "../../src/util/logger.ts";

const [url = "", first, count] = process.argv.slice(2);
const numbers = Array.from({ length: Number(count) }, (_, index) => Number(first) + index);
const workers = numbers.map((number) => {
  const app = new Celeriac({ broker: url, resultBackend: url }, { env: {}, log });
  return {
    app,
    worker: new Worker(app, { hostname: `w${String(number)}@many`, concurrency: 1, livenessThread: false }),
  };
});
await Promise.all(workers.map(({ worker }) => worker.start()));
process.send?.("ready");
process.once("message", () => {
  void Promise.all(workers.map(async ({ app, worker }) => (await worker.stop(), app.close()))).then(() =>
    process.disconnect(),
  );
});

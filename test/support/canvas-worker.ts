/** A worker that gets stuck in tasks whose worker is to die, and tells what its tasks do: `canvas-worker.ts URL LEASE`, the lease in seconds. */
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import type { Run } from "./canvas-model/model.ts";
import type { Observed } from "./canvas-model/observed.ts";
import { defineCanvasTasks } from "./canvas-model/tasks.ts";
import { placeAt } from "./shared-places.ts";

export type CanvasNews =
  | { readonly run: Run; readonly prefix: string }
  | { readonly call: Observed["errbacks"][number]; readonly prefix: string }
  /** It has got stuck. */
  | { readonly stuck: string };

const [url, lease] = process.argv.slice(2);
if (url !== undefined && process.send !== undefined) {
  const tell = (news: CanvasNews): void => void process.send?.(news);
  const place = placeAt(url);
  const brokerTransportOptions = { leaseTimeout: Number(lease) };
  const app = new Celeriac({ broker: place, resultBackend: place, brokerTransportOptions }, { env: {} });
  defineCanvasTasks(app, {
    journal: {
      run: (prefix, run) => {
        tell({ run, prefix });
        return 0;
      },
      heard: (prefix, call) => {
        tell({ call, prefix });
      },
    },
    die: (prefix) => {
      tell({ stuck: prefix });
      return new Promise(() => undefined);
    },
  });
  await new Worker(app, { concurrency: 1_000 }).start();
}

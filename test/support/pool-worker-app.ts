/** What an app's module must not do: a pool's children import it. */
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";

export const app: Celeriac = new Celeriac({ broker: "memory:" }, { env: {} });
await new Worker(app).start();

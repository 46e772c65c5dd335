import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";

const app = new Celeriac();
app.task("bench.startedAt", (_argument: string) => process.hrtime.bigint().toString());
const worker = new Worker(app);
await worker.start();
process.stdout.write("ready\n");
process.once("SIGTERM", () => void worker.stop().then(() => app.close()));

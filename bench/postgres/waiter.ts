/** Waits for the results whose ids it reads, a line each: prints when it does, and by the monotonic clock when it has one. */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { openBackend } from "./celeriac.ts";

const backend = await openBackend(process.env["BENCH_PLACE"] ?? "");
const watch = backend.watch(() => writeSync(1, `${process.hrtime.bigint()}\n`));
writeSync(1, "ready\n");
for await (const taskId of createInterface(process.stdin)) {
  await watch.add([taskId]);
  writeSync(1, "waiting\n");
}

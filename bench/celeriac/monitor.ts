/** Reads so many events, and prints how many a second that were. */
import { openApp } from "./app.ts";

const { app } = openApp(process.env["BENCH_PLACE"] ?? "", { keepsResults: false });
const count = Number(process.env["BENCH_EVENTS"]);
await using events = await app.events();
process.stdout.write("ready\n");
let [heard, startedAt] = [0, 0n];
for await (const { type } of events) {
  if (heard === 0) startedAt = process.hrtime.bigint();
  if (type.startsWith("task-")) heard += 1;
  if (heard === count) break;
}
const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
process.stdout.write(`${count / seconds}\n`);
await events[Symbol.asyncDispose]();
await app.close();

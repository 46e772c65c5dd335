/** The program of the thread that stands in for a worker's event loop. */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock as clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import { StandIn } from "./stand-in.ts";
import type { FromStandIn, StandInSetup, ToStandIn } from "./stand-in-messages.ts";

const standIn = new StandIn(workerData as StandInSetup, clock, () => tell({ kind: "hears" }));

parentPort?.on("message", (order: ToStandIn) => {
  if (order.kind === "end") void end();
  else if (order.kind === "snapshot") standIn.take(order.answers);
  else standIn.standBy(order);
});

try {
  tell({ kind: "ready", health: await standIn.open() });
} catch (error) {
  tell({ kind: "refused", error: toError(error).message });
  await end();
}

async function end(): Promise<void> {
  await standIn[Symbol.asyncDispose]();
  process.exit(); // this thread: a driver's timers may keep it otherwise
}

function tell(news: FromStandIn): void {
  parentPort?.postMessage(news);
}

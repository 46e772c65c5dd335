/** The program of the thread that stands in for a worker's event loop. */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock as clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import { endThread } from "../../util/thread-end.ts";
import { StandIn } from "./stand-in.ts";
import { STAND_IN_END_MS, type FromStandIn, type StandInSetup, type ToStandIn } from "./stand-in-messages.ts";

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

function end(): Promise<never> {
  return endThread(standIn[Symbol.asyncDispose](), STAND_IN_END_MS);
}

function tell(news: FromStandIn): void {
  parentPort?.postMessage(news);
}

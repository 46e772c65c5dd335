import { toError } from "../../util/errors.ts";
import type { LogFields, Logger } from "../../util/logger.ts";
import type { Worker } from "../../worker/worker.ts";
import { EXIT } from "../exit-codes.ts";
import type { StopOrders } from "./stop-orders.ts";

/** Runs the worker until an order or an uncaught exception ends it, and gives the exit code. What a task left alone may not end those that run beside it. */
export async function runUntilStopped(worker: Worker, orders: StopOrders, log: Logger): Promise<number> {
  let exitCode: number = EXIT.ok;
  const stopFailed = (error: unknown): void => {
    log.error("uncaught exception, stopping, running tasks may finish", { running: worker.busy, ...blameOf(error) });
    exitCode = EXIT.failed;
    void worker.stop({ fault: { code: "uncaught-exception", detail: toError(error).message } });
  };
  process.on("unhandledRejection", (reason) => log.error("unhandled rejection, probably of a task", blameOf(reason)));
  process.on("uncaughtException", stopFailed);
  orders.obeyedBy((order, signal) => {
    const running = worker.busy;
    if (order === "warm") log.info("stopping, running tasks may finish", { signal, running });
    else log.warn("stopping, running tasks are handed back", { signal, running });
    void worker.stop(order === "warm" ? {} : { graceMs: 0 });
  });

  await worker.start();
  if (worker.state === "running") log.info("ready", { node: worker.hostname, queues: worker.queues });
  await worker.finished;
  const { unfinished } = worker;
  log.info("stopped", { unfinished });
  return exitCode === EXIT.ok && unfinished > 0 ? EXIT.unfinished : exitCode;
}

function blameOf(cause: unknown): LogFields {
  const { message, stack } = toError(cause);
  return { error: message, stack };
}

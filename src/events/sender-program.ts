/** The program of the thread that sends a worker's events. */
import { parentPort, workerData } from "node:worker_threads";
import { openBroadcasterFrom } from "../broker/open-broadcaster-from.ts";
import { systemClock as clock } from "../util/clock.ts";
import type { Logger, LogFields } from "../util/logger.ts";
import { endThread } from "../util/thread-end.ts";
import { DirectSender } from "./direct-sender.ts";
import { countOf } from "./event-sender.ts";
import { SENDER_END_MS, type FromSenderThread, type SenderSetup, type ToSenderThread } from "./sender-messages.ts";

const { hostname, source } = workerData as SenderSetup;
const broadcaster = await openBroadcasterFrom(source);
const onAway = (isAway: boolean): void => tell({ kind: "state", isAway });
const sender = new DirectSender({ hostname, broadcaster, clock, log: logger(), onAway });

parentPort?.on("message", (order: ToSenderThread) => {
  if (order.kind === "end") {
    void endThread(close(), SENDER_END_MS);
  } else {
    sender.put(order.written);
    tell({ kind: "taken", events: countOf(order.written) });
  }
});

async function close(): Promise<void> {
  await sender[Symbol.asyncDispose]();
  await broadcaster[Symbol.asyncDispose]();
}

/** What is logged is the worker's to log. */
function logger(): Logger {
  const logAt =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void =>
      tell({ kind: "log", level, message, fields });
  return { debug: logAt("debug"), info: logAt("info"), warn: logAt("warn"), error: logAt("error") };
}

function tell(news: FromSenderThread): void {
  parentPort?.postMessage(news);
}

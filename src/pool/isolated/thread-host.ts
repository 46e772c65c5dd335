import { Worker } from "node:worker_threads";
import { endOf, type Host, type HostEvents, type HostProgram } from "./host.ts";
import { JobsBegunInMemory } from "./jobs-begun.ts";
import type { News } from "./protocol.ts";

/** One thread. What it writes to its stdout and stderr is written by this process. */
export function startThread({ url, execArgv }: HostProgram, { onNews, onGone }: HostEvents): Host {
  const jobsBegun = new JobsBegunInMemory();
  const thread = new Worker(url, { execArgv: [...execArgv], workerData: jobsBegun.shared });
  let error: NodeJS.ErrnoException | undefined;
  thread.on("message", (news) => onNews(news as News));
  thread.on("error", (cause: NodeJS.ErrnoException) => (error = cause));
  thread.once("exit", (exitCode) => {
    if (error !== undefined && error.code !== OUT_OF_MEMORY) onNews({ kind: "uncaught", error: String(error) });
    onGone(endOf("thread", { exitCode, signal: null, isOutOfMemory: error?.code === OUT_OF_MEMORY }));
  });
  return {
    // `exit` tells at once.
    isEnding: false,
    jobsBegun,
    post: (command) => thread.postMessage(command),
    kill: () => void thread.terminate(),
  };
}

const OUT_OF_MEMORY = "ERR_WORKER_OUT_OF_MEMORY";

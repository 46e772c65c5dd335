import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { getHeapStatistics } from "node:v8";
import { JobsBegunInMemory, noteInFile } from "../pool/isolated/jobs-begun.ts";
import type { Command, News } from "../pool/isolated/protocol.ts";

/** What a pool's child has of its pool. */
export interface ChildLink {
  post(news: News): void;
  /** Notes that a job is begun, where the pool finds it whatever becomes of this child. */
  noteJob(): void;
  onCommand(listen: (command: Command) => void): void;
  /** Resolves once what was posted is on its way. */
  flush(): Promise<void>;
  /** What this child has: the resident set of a process, the heap of a thread. */
  memoryBytes(): number;
}

/** The link of this thread or process, which ends with its pool. */
export function openLink(): ChildLink {
  return parentPort === null ? linkOfProcess() : linkOfThread(parentPort);
}

function linkOfThread(port: MessagePort): ChildLink {
  const jobsBegun = new JobsBegunInMemory(workerData as Int32Array<SharedArrayBuffer>);
  return {
    post: (news) => port.postMessage(news),
    noteJob: () => jobsBegun.note(),
    onCommand: (listen) => void port.on("message", listen),
    flush: () => Promise.resolve(),
    memoryBytes: () => {
      const { total_heap_size: heap, external_memory: external } = getHeapStatistics();
      return heap + external;
    },
  };
}

function linkOfProcess(): ChildLink {
  process.on("disconnect", () => process.exit());
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) process.on(signal, leaveItToThePool);
  let lastSent: Promise<void> = Promise.resolve();
  return {
    post: (news) => {
      lastSent = new Promise((resolve) => process.send?.(news, () => resolve()));
    },
    noteJob: noteInFile(),
    onCommand: (listen) => void process.on("message", (command) => listen(command as Command)),
    flush: () => lastSent,
    memoryBytes: () => process.memoryUsage.rss(),
  };
}

/** Ctrl-C reaches every process of a terminal: the worker says what becomes of a task. */
function leaveItToThePool(): void {}

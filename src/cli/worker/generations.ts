import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { ResolvedConfig } from "../../app/config.ts";
import type { Logger } from "../../util/logger.ts";
import { childFlags } from "../../worker/child-flags.ts";
import { EXIT } from "../exit-codes.ts";
import { WORN_OUT, type OrderMessage } from "./parent-link.ts";
import { STOP_SIGNALS, type StopOrders } from "./stop-orders.ts";

/** Whether what wears out is the worker's own process, since its tasks run there. */
export function wearsOut({ workerPool, workerMaxTasksPerChild, workerMaxMemoryPerChild }: ResolvedConfig): boolean {
  return workerPool === "inline" && (workerMaxTasksPerChild !== undefined || workerMaxMemoryPerChild !== undefined);
}

/** This file's neighbour, and like it JavaScript, or TypeScript in this package's sources. */
const PROGRAM = new URL(`./generation${extname(import.meta.url)}`, import.meta.url);

/** Where relative paths of the command line start, before --workdir goes elsewhere. */
const STARTED_IN = process.cwd();

/** Runs this process's command line in a child, and again each time that its worker is worn out; gives the last one's exit code. */
export async function runGenerations(orders: StopOrders, log: Logger): Promise<number> {
  let child: ChildProcess | undefined;
  const stopping = new AbortController();
  orders.obeyedBy((order, signal) => {
    stopping.abort();
    if (child?.connected === true) child.send({ order, signal } satisfies OrderMessage, () => undefined);
  });
  for (let generation = 1; ; generation += 1) {
    child = startGeneration(generation);
    const { isWornOut, exitCode, signal } = await endOf(child);
    const isStopping = stopping.signal.aborted;
    if (isStopping && isStopSignal(signal)) return EXIT.ok; // it had not come so far as to leave signals to us
    if (signal !== null) log.error("the worker's process was killed", { signal });
    if (!isWornOut || isStopping) return exitCode ?? EXIT.failed;
    log.info("starting anew", { generation: generation + 1 });
  }
}

function startGeneration(generation: number): ChildProcess {
  const noBannerAgain = generation === 1 ? [] : ["--quiet"];
  return fork(fileURLToPath(PROGRAM), [...process.argv.slice(2), ...noBannerAgain], {
    cwd: STARTED_IN,
    execArgv: [...childFlags({ threads: false, program: PROGRAM, preload: [] })],
  });
}

interface GenerationEnd {
  readonly isWornOut: boolean;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

async function endOf(child: ChildProcess): Promise<GenerationEnd> {
  let isWornOut = false;
  child.on("message", (message) => (isWornOut ||= message === WORN_OUT));
  const [exitCode, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return { isWornOut, exitCode, signal };
}

function isStopSignal(signal: NodeJS.Signals | null): boolean {
  return STOP_SIGNALS.some((known) => known === signal);
}

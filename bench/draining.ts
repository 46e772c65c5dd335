import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startChild } from "./child.ts";
import type { Figures, Results } from "./contender.ts";
import { countdown } from "./load.ts";

/** What a worker program is told in its environment. */
export interface WorkerOrders {
  /** Where its messages are, in its contender's own words. */
  readonly place: string;
  readonly concurrency: number;
  /** How many tasks it is to do before it ends; 0 for one that prints when each of its tasks starts, until it is ended. */
  readonly count: number;
  readonly results: Results;
}

/** Has a worker program of this folder do what waits, in a process of its own. */
export async function drainInChild(program: string, orders: WorkerOrders): Promise<Figures> {
  await using worker = await startWorker(program, orders);
  return JSON.parse(await worker.line()) as Figures;
}

export function startWorker(program: string, orders: WorkerOrders): ReturnType<typeof startChild> {
  return startChild(fileURLToPath(import.meta.resolve(program)), { BENCH_ORDERS: JSON.stringify(orders) });
}

/** For worker programs: what they were told. */
export function readOrders(): WorkerOrders {
  return JSON.parse(process.env["BENCH_ORDERS"] ?? "{}") as WorkerOrders;
}

/** A worker, as the programs see it. */
export interface RunningWorker {
  /** Resolves once nothing is unsettled. */
  stop(): Promise<unknown>;
  /** What is left to be closed after that. */
  close?(): Promise<unknown>;
}

/** Starts a worker whose tasks call `onTask`, and keeps to its orders. */
export async function obey(orders: WorkerOrders, start: (onTask: () => void) => Promise<RunningWorker>): Promise<void> {
  if (orders.count === 0) await tellStarts(start);
  else await tellFigures(orders.count, start);
}

async function tellStarts(start: (onTask: () => void) => Promise<RunningWorker>): Promise<void> {
  const worker = await start(() => print(process.hrtime.bigint().toString()));
  process.once("SIGTERM", () => void worker.stop().then(() => worker.close?.()));
  print("ready");
}

async function tellFigures(count: number, start: (onTask: () => void) => Promise<RunningWorker>): Promise<void> {
  print("ready");
  const { tick, over } = countdown(count);
  const [startedAt, cpu] = [process.hrtime.bigint(), process.cpuUsage()];
  const worker = await start(tick);
  await over;
  await worker.stop();
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  const memory = process.memoryUsage.rss() / 2 ** 20;
  print(JSON.stringify({ rate: count / seconds, cpu: (user + system) / count, memory }));
  await worker.close?.();
}

/** At once: what the event loop does next must not come in between. */
function print(line: string): void {
  writeSync(1, `${line}\n`);
}

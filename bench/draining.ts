import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startChild } from "./child.ts";
import type { Figures } from "./contender.ts";
import { countdown } from "./load.ts";

/** A worker is up and idle so long before what is due, in milliseconds. */
const READY_MS = 1_500;

/** What a worker program is told in its environment. */
export interface WorkerOrders {
  /** Where its messages are, in its contender's own words. */
  readonly place: string;
  readonly concurrency: number;
  /** How many tasks it is to do before it ends; 0 for one that prints when each of its tasks starts, until it is ended. */
  readonly count: number;
  readonly keepsResults: boolean;
  /** @default false */
  readonly tellsEvents?: boolean | undefined;
  /** When they are all due, in milliseconds since the epoch: what counts is from then on. */
  readonly dueAt?: number;
}

/** Has a worker program of this folder do what waits, in a process of its own. */
export async function drainInChild(program: string, orders: WorkerOrders): Promise<Figures> {
  await using worker = await startWorker(program, orders);
  return JSON.parse(await worker.line()) as Figures;
}

/** Has `send` send what is due at one instant, and a worker program of this folder wait for it. */
export async function doWhenDue(
  program: string,
  orders: WorkerOrders,
  due: Date,
  send: () => Promise<unknown>,
): Promise<Figures> {
  await send();
  if (Date.now() > due.getTime() - READY_MS) throw new Error("They were due before all were sent.");
  return drainInChild(program, { ...orders, dueAt: due.getTime() });
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
  else if (orders.dueAt === undefined) await tellFigures(orders.count, start);
  else await tellLateness(orders.count, orders.dueAt, start);
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

async function tellLateness(
  count: number,
  dueAt: number,
  start: (onTask: () => void) => Promise<RunningWorker>,
): Promise<void> {
  const lateness = (): number => performance.timeOrigin + performance.now() - dueAt;
  const { tick, over } = countdown(count);
  let first: number | undefined;
  const worker = await start(() => {
    first ??= lateness();
    tick();
  });
  print("ready");
  await over;
  const rate = count / (lateness() / 1_000);
  print(JSON.stringify({ first, rate }));
  await worker.stop();
  await worker.close?.();
}

/** At once: what the event loop does next must not come in between. */
function print(line: string): void {
  writeSync(1, `${line}\n`);
}

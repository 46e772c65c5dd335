import type { Figures } from "./contender.ts";
import { quantile } from "./stats.ts";

const PAUSE_MS = 15;
/** So many calls until rates no longer grow. */
const WARM_UP = 10_000;

/** How often `work` was done in a second, when `count` times took as long as it does. */
export async function rateOf(count: number, work: () => unknown): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return count / (Number(process.hrtime.bigint() - start) / 1e9);
}

/** Has a `work` that does as many as it is told do so many that V8 has compiled what it runs. */
export async function warmUp(count: number, work: (count: number) => unknown): Promise<void> {
  await work(Math.min(count, WARM_UP));
}

/** How often `work` is done in a second once it is warm. */
export async function warmRateOf(count: number, work: (count: number) => unknown): Promise<number> {
  await warmUp(count, work);
  return rateOf(count, () => work(count));
}

/** Calls `work` for 0 … count-1 with so many under way at once. */
export async function inFlight(count: number, width: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, loop));
}

/** Calls `work` with the size of one batch after the other until there were `count` in all. */
export async function inBatches(count: number, size: number, work: (size: number) => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done += size) await work(Math.min(size, count - done));
}

/** Calls of `tick` up to a number: then `over` resolves. */
export function countdown(count: number): { readonly tick: () => void; readonly over: Promise<void> } {
  let left = count;
  let finish = (): void => undefined;
  const over = new Promise<void>((resolve) => (finish = resolve));
  const tick = (): void => {
    left -= 1;
    if (left === 0) finish();
  };
  return { tick, over };
}

/** Quantiles of what `measure` gives in milliseconds, each time after a pause of 15 to 30 ms in which everybody falls idle. */
export async function idleQuantiles(count: number, measure: () => Promise<number>): Promise<Figures> {
  const samples: number[] = [];
  for (let i = 0; i < count; i += 1) {
    await pause(PAUSE_MS * (1 + Math.random()));
    samples.push(await measure());
  }
  samples.sort((a, b) => a - b);
  return { p50: quantile(samples, 0.5), p95: quantile(samples, 0.95), p99: quantile(samples, 0.99) };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Milliseconds from `start`, of `process.hrtime.bigint()`, to the one that another process has printed. */
export function msUntil(line: string, start: bigint): number {
  return Number(BigInt(line) - start) / 1e6;
}

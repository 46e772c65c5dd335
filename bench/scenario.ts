import { quantile } from "./stats.ts";

const PAUSE_MS = 15;

/** One thing to measure, for us and for whom we are measured against. */
export interface Scenario {
  readonly name: string;
  readonly unit: "per second" | "ms";
  /** Each is run once a round, in this order, so that all share the machine's moods. The first is the limit that ratios are taken of. */
  readonly contenders: readonly Contender[];
}

export interface Contender {
  readonly name: string;
  /** Runs it afresh in an empty directory of its own, and gives the figure. */
  readonly measure: (directory: string) => Promise<number>;
}

/** How often `work` was done in a second, when `count` times took as long as it does. */
export async function rateOf(count: number, work: () => Promise<void> | void): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return count / (Number(process.hrtime.bigint() - start) / 1e9);
}

/** Calls `work` for 0 … count-1 with so many under way at once. */
export async function inFlight(count: number, width: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, loop));
}

/** A quantile of what `measure` gives each time, after a pause of 15 to 30 ms in which everybody falls idle. */
export async function idleQuantile(count: number, q: number, measure: () => Promise<number>): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < count; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (1 + Math.random())));
    samples.push(await measure());
  }
  return quantile(
    samples.sort((a, b) => a - b),
    q,
  );
}

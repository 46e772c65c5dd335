import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "./random.ts";
import type { ShotSignal, Target, TargetName } from "./targets.ts";

/** How long a freeze lasts that outlasts a lease, in milliseconds. */
const LONG_FREEZE_MS = [22_000, 35_000] as const;

/** One shot that hit. `until` is when a frozen one went on, and when a broker was back. */
export interface Shot {
  readonly pid: number;
  /** The worker, when it hit a process of its pool. */
  readonly parent?: number | undefined;
  readonly of: TargetName;
  readonly signal: ShotSignal;
  readonly at: number;
  readonly until: number;
}

export interface ShootingOptions {
  readonly targets: readonly Target[];
  readonly perSecond: number;
  readonly seconds: number;
  /** Share of the freezes that outlast a lease, from 0 to 1. */
  readonly longFreezes: number;
}

/** Shoots at random targets at random instants for so many seconds. Resolves with every shot, once whatever was frozen goes on. */
export async function shoot(random: Random, options: ShootingOptions): Promise<readonly Shot[]> {
  const shots: Promise<Shot | undefined>[] = [];
  const end = Date.now() + options.seconds * 1_000;
  for (;;) {
    await sleep(random.gap(1_000 / options.perSecond));
    if (Date.now() >= end) break;
    shots.push(shootOnce(random, options));
  }
  return (await Promise.all(shots)).filter((shot) => shot !== undefined);
}

/** Draws the same numbers whoever is there, so that a seed gives the same plan. */
async function shootOnce(random: Random, { targets, longFreezes }: ShootingOptions): Promise<Shot | undefined> {
  const weights = Object.fromEntries(targets.map(({ of, weight }) => [of, weight]));
  const name = random.weighted(weights);
  const target = targets.find(({ of }) => of === name);
  if (target === undefined) return undefined;
  const shot = random.weighted<ShotSignal>(target.signals);
  const freezeMs = random.between(...(random.next() < longFreezes ? LONG_FREEZE_MS : target.freezeMs));
  const aimed = target.aim(random);
  if (aimed === undefined) return undefined;
  const { pid, parent } = aimed;
  const at = Date.now();
  const isHit = await aimed.fire(shot);
  if (isHit && shot === "SIGSTOP") {
    await sleep(freezeMs);
    await aimed.fire("SIGCONT");
  }
  await aimed.recover?.(shot);
  return isHit ? { pid, parent, of: target.of, signal: shot, at, until: Date.now() } : undefined;
}

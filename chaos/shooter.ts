import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf, signal, type Pack } from "./pack.ts";
import type { Random } from "./random.ts";

/** What is shot at a worker or producer, each as often as its number says. */
const SIGNALS = { SIGKILL: 45, SIGSTOP: 30, SIGTERM: 15, SIGQUIT: 10 } as const;
/** A freeze's length, in milliseconds: mostly too short to be noticed, sometimes longer than a lease. */
const FREEZE_MS = { short: [1, 2_000], long: [22_000, 35_000] } as const;
const TARGETS = { worker: 70, poolChild: 15, producer: 15 } as const;

/** One signal that hit a process. `until` is when a frozen one went on. */
export interface Shot {
  readonly pid: number;
  /** The worker, when it hit a process of its pool. */
  readonly parent?: number | undefined;
  readonly of: keyof typeof TARGETS;
  readonly signal: keyof typeof SIGNALS;
  readonly at: number;
  readonly until: number;
}

export interface ShootingOptions {
  readonly workers: Pack;
  readonly producers: Pack;
  readonly perSecond: number;
  readonly seconds: number;
  /** Share of the freezes that outlast a lease, from 0 to 1. */
  readonly longFreezes: number;
}

/** Shoots at random processes at random instants for so many seconds. Resolves with every shot, once whatever was frozen goes on. */
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
async function shootOnce(random: Random, options: ShootingOptions): Promise<Shot | undefined> {
  const of = random.weighted(TARGETS);
  const name = random.weighted(SIGNALS);
  const [shortest, longest] = FREEZE_MS[random.next() < options.longFreezes ? "long" : "short"];
  const freezeMs = random.between(shortest, longest);
  const pid = random.oneOf(of === "producer" ? options.producers.pids : options.workers.pids);
  const child = random.oneOf(of === "poolChild" && pid !== undefined ? childrenOf(pid) : []);
  const target = of === "poolChild" ? child : pid;
  if (target === undefined) return undefined;
  // Pool children leave all other signals to their parent.
  const sent = of === "poolChild" ? "SIGKILL" : name;
  const at = Date.now();
  if (!signal(target, sent)) return undefined;
  if (sent === "SIGSTOP") {
    await sleep(freezeMs);
    signal(target, "SIGCONT");
  }
  return { pid: target, parent: target === pid ? undefined : pid, of, signal: sent, at, until: Date.now() };
}

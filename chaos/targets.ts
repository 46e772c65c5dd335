import { childrenOf, signal, type Pack } from "./pack.ts";
import type { Server } from "./place.ts";
import type { Random } from "./random.ts";

export type TargetName = "worker" | "poolChild" | "producer" | "python" | "pythonChild" | "broker" | "connection";
/** A signal, or what cuts a connection. */
export type ShotSignal = "SIGKILL" | "SIGSTOP" | "SIGTERM" | "SIGQUIT" | "CLIENT KILL";

/** A kind of thing that is shot at. */
export interface Target {
  readonly of: TargetName;
  /** How often it is, in relation to the others. */
  readonly weight: number;
  /** With what, each as often as its number says. */
  readonly signals: Readonly<Partial<Record<ShotSignal, number>>>;
  /** A freeze's length, in milliseconds, unless it is a long one. */
  readonly freezeMs: readonly [shortest: number, longest: number];
  /** One of its kind; undefined when there is none to be hit. */
  aim(random: Random): Aim | undefined;
}

export interface Aim {
  /** 0 where it is no process. */
  readonly pid: number;
  /** The worker, when it is a process of its pool. */
  readonly parent?: number;
  /** Whether it hit. A process that is frozen goes on with a SIGCONT. */
  fire(shot: ShotSignal | "SIGCONT"): boolean | Promise<boolean>;
  /** Resolves when all is as before the shot. */
  recover?(shot: ShotSignal): Promise<void>;
}

const SIGNALS = { SIGKILL: 45, SIGSTOP: 30, SIGTERM: 15, SIGQUIT: 10 } as const;
/** Mostly too short to be noticed. */
const FREEZE_MS = [1, 2_000] as const;

/** The processes of a pack. */
export function members(of: TargetName, pack: Pack, weight: number): Target {
  const aim = (random: Random): Aim | undefined => {
    const pid = random.oneOf(pack.pids);
    return pid === undefined ? undefined : processAim(pid);
  };
  return { of, weight, signals: SIGNALS, freezeMs: FREEZE_MS, aim };
}

/** The processes of their pools, which leave all signals but this one to their parents. */
export function children(of: TargetName, pack: Pack, weight: number): Target {
  const aim = (random: Random): Aim | undefined => {
    const parent = random.oneOf(pack.pids);
    const pid = parent === undefined ? undefined : random.oneOf(childrenOf(parent));
    return pid === undefined || parent === undefined ? undefined : { ...processAim(pid), parent };
  };
  return { of, weight, signals: { SIGKILL: 1 }, freezeMs: FREEZE_MS, aim };
}

/** The broker itself, one shot at a time: killed and started again, or frozen for longer than anybody waits for a reply. */
export function broker(server: Server, weight: number): Target {
  let isHit = false;
  const recover = async (shot: ShotSignal): Promise<void> => {
    if (shot === "SIGKILL") await server.restart();
    isHit = false;
  };
  const aim = (): Aim | undefined => {
    if (isHit) return undefined;
    isHit = true;
    return { ...processAim(server.pid), recover };
  };
  return { of: "broker", weight, signals: { SIGKILL: 1, SIGSTOP: 1 }, freezeMs: [200, 8_000], aim };
}

/** Whosever connections to the broker: what was asked on one is done, and nobody learns of it. */
export function connections(server: Server, weight: number): Target {
  const aim = (random: Random): Aim => {
    const which = random.next();
    return { pid: 0, fire: () => server.cut(which) };
  };
  return { of: "connection", weight, signals: { "CLIENT KILL": 1 }, freezeMs: FREEZE_MS, aim };
}

function processAim(pid: number): Aim {
  return { pid, fire: (shot) => shot !== "CLIENT KILL" && signal(pid, shot) };
}

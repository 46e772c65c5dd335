import type { ClusterState, TaskTotals } from "../../events/cluster/cluster-state.ts";
import type { TaskInfo } from "../../events/cluster/task-record.ts";
import type { WorkerInfo, WorkerState } from "../../events/cluster/worker-record.ts";
import type { QueueLine } from "../count-queues.ts";
import type { Rates } from "./rates.ts";

export interface WorkerLine extends WorkerInfo {
  /** How many tasks it runs at once; undefined where it has not answered. */
  readonly size: number | undefined;
}

/** What is shown at one moment. */
export interface TopSnapshot {
  /** Seconds since the Unix epoch. */
  readonly time: number;
  /** Its URL, without secrets. */
  readonly broker: string;
  /** Why nothing new is known. */
  readonly problem: string | undefined;
  /** Of events, since this was begun. */
  readonly totals: TaskTotals | undefined;
  readonly rates: Rates | undefined;
  /** In the order of how much they need somebody. */
  readonly workers: readonly WorkerLine[];
  readonly queues: readonly QueueLine[];
  /** The longest run first; of workers that are there. */
  readonly running: readonly TaskInfo[];
  /** The newest first. */
  readonly latest: readonly TaskInfo[];
}

const ORDER: Readonly<Record<WorkerState, number>> = { wedged: 0, busy: 1, up: 2, gone: 3 };
/** As many as any screen shows. */
const MOST_LATEST = 500;

export function workerLines(cluster: ClusterState, sizes: ReadonlyMap<string, number>): readonly WorkerLine[] {
  const lines = cluster.workers().map((worker) => ({ ...worker, size: sizes.get(worker.hostname) }));
  return lines.sort((one, other) => ORDER[one.state] - ORDER[other.state]); // which keeps those of a state in order
}

export function runningTasks(cluster: ClusterState): readonly TaskInfo[] {
  const gone = new Set(cluster.workers().flatMap(({ hostname, state }) => (state === "gone" ? hostname : [])));
  const running = cluster.tasks({ state: "STARTED" }).filter(({ worker }) => worker === undefined || !gone.has(worker));
  return running.toSorted((one, other) => (one.started ?? 0) - (other.started ?? 0));
}

export function latestTasks(cluster: ClusterState): readonly TaskInfo[] {
  return cluster.tasks({ limit: MOST_LATEST });
}

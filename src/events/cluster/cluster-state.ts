import type { Clock } from "../../util/clock.ts";
import type { ReceivedEvent } from "../event-receiver.ts";
import type { EventFields, TaskInfo } from "./task-record.ts";
import { isTaskMoment, TASK_MOMENTS, type TaskMoment } from "./task-states.ts";
import { TaskTable, type TaskCounts, type TaskFilter } from "./task-table.ts";
import type { WorkerInfo } from "./worker-record.ts";
import { WorkerTable } from "./worker-table.ts";

export interface ClusterOptions {
  /** Tasks that are kept. Those that have ended go first, then those that wait, and then those that run. @default 10_000 */
  readonly maxTasks?: number;
  /** Workers that are kept. Those that were silent for the longest go first. @default 5_000 */
  readonly maxWorkers?: number;
}

const MAX_TASKS = 10_000;
const MAX_WORKERS = 5_000;

/** How many events of each type were heard, by the types' names without `task-`. */
export type TaskTotals = Readonly<Record<TaskMoment, number>>;

/**
 * The workers and tasks of a cluster, as far as their events tell: put together event by event, in whatever order they come. One that is lost
 * leaves a gap, which the next ones close. Celery: `celery/events/state.py:State`.
 */
export class ClusterState {
  readonly #clock: Clock;
  readonly #tasks: TaskTable;
  readonly #workers: WorkerTable;
  readonly #totals = Object.fromEntries(TASK_MOMENTS.map((moment) => [moment, 0])) as Record<TaskMoment, number>;
  #version = 0;

  /** Throws RangeError. */
  constructor({ maxTasks = MAX_TASKS, maxWorkers = MAX_WORKERS, clock }: ClusterOptions & { readonly clock: Clock }) {
    this.#clock = clock;
    this.#tasks = new TaskTable(checkCount("maxTasks", maxTasks));
    this.#workers = new WorkerTable(checkCount("maxWorkers", maxWorkers));
  }

  /** Grows with every event that may have changed something. That time goes by, which makes a silent worker `gone`, does not count. */
  get version(): number {
    return this.#version;
  }

  /** Since the beginning, also of tasks that are not kept any more. */
  get totals(): TaskTotals {
    return { ...this.#totals };
  }

  /** By name. */
  workers(): readonly WorkerInfo[] {
    return this.#workers.list(this.#now());
  }

  worker(hostname: string): WorkerInfo | undefined {
    return this.#workers.get(hostname, this.#now());
  }

  /** Those that fit, newest first, by when they were first heard of. Looks at every task that is kept until it has `limit` of them. */
  tasks(filter: TaskFilter = {}): readonly TaskInfo[] {
    return this.#tasks.list(filter);
  }

  task(uuid: string): TaskInfo | undefined {
    return this.#tasks.get(uuid);
  }

  /** Of the tasks that are kept; counted as events come, so that asking costs little. */
  taskCounts(): TaskCounts {
    return this.#tasks.counts();
  }

  /** Takes an event in. Never throws, whatever its fields hold. */
  apply(event: ReceivedEvent): void {
    const fields = event as EventFields;
    const [group, kind] = splitOnce(fields.type);
    if (group === "worker") this.#workers.hear(kind, fields);
    else if (group === "task") this.#applyToTask(kind, fields);
    else return;
    this.#version += 1;
  }

  #applyToTask(kind: string, event: EventFields): void {
    if (!this.#tasks.hear(kind, event)) return;
    if (kind !== "sent") this.#workers.hearOfTask(event);
    if (isTaskMoment(kind)) this.#totals[kind] += 1;
  }

  #now(): number {
    return this.#clock.now() / 1000;
  }
}

function splitOnce(type: string): readonly [group: string, kind: string] {
  const end = type.indexOf("-");
  return end === -1 ? [type, ""] : [type.slice(0, end), type.slice(end + 1)];
}

function checkCount(name: string, count: number): number {
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`${name} must be a whole number from 1 on; got ${String(count)}.`);
}

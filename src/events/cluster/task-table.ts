import { Chain } from "../../util/chain.ts";
import { StateCounts } from "./state-counts.ts";
import { TaskRecord, type EventFields, type TaskInfo } from "./task-record.ts";
import { hasEnded } from "./task-states.ts";

/** A task's id that is longer, in characters, is nobody's. */
const MAX_ID = 1_000;

/** Which tasks are meant: those that fit all that is said. */
export interface TaskFilter {
  readonly state?: string;
  readonly name?: string;
  /** Node name. */
  readonly worker?: string;
  /** In the id, name, arguments, result or exception, in capitals or not. */
  readonly text?: string;
  /** No more than these. @default all */
  readonly limit?: number;
}

/** How many of the tasks that are kept are in which state. What is 0 is left out. */
export interface TaskCounts {
  readonly byState: ReadonlyMap<string, number>;
  /** Name of the task → state → tasks. */
  readonly byName: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Node name of the worker → state → tasks. */
  readonly byWorker: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Tasks that events told of, no more than a number of them: who has ended goes first, the oldest before others; then who waits; who runs goes last. */
export class TaskTable {
  readonly #max: number;
  readonly #records = new Map<string, TaskRecord>();
  /** Oldest first; some may be kept no longer. */
  #arrivals: TaskRecord[] = [];
  /** Each in the order in which tasks came into it. */
  readonly #ended = new Chain<TaskRecord>();
  readonly #waiting = new Chain<TaskRecord>();
  readonly #running = new Chain<TaskRecord>();
  /** Of each parent, whether it is kept itself or not. */
  readonly #children = new Map<string, Set<string>>();
  readonly #byState = new StateCounts();
  readonly #byName = new StateCounts();
  readonly #byWorker = new StateCounts();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#records.size;
  }

  get(uuid: string): TaskInfo | undefined {
    const record = this.#records.get(uuid);
    return record === undefined ? undefined : this.#info(record);
  }

  /** Newest first, by when they were first heard of. */
  list({ limit = Infinity, ...filter }: TaskFilter): readonly TaskInfo[] {
    const fits = matcherOf(filter);
    const found: TaskInfo[] = [];
    for (let index = this.#arrivals.length - 1; index >= 0 && found.length < limit; index -= 1) {
      const record = this.#arrivals[index] as TaskRecord;
      if (record.isKept && fits(record)) found.push(this.#info(record));
    }
    return found;
  }

  counts(): TaskCounts {
    const byState = this.#byState.all();
    return {
      byState: new Map([...byState].map(([state, counts]) => [state, counts.get(state) ?? 0])),
      byName: this.#byName.all(),
      byWorker: this.#byWorker.all(),
    };
  }

  /** `kind` is the event's type without `task-`. False when it names no task. */
  hear(kind: string, event: EventFields): boolean {
    const { uuid } = event;
    if (typeof uuid !== "string" || uuid.length > MAX_ID) return false;
    const record = this.#records.get(uuid);
    if (record === undefined) this.#add(new TaskRecord(uuid), kind, event);
    else this.#change(record, kind, event);
    return true;
  }

  #add(record: TaskRecord, kind: string, event: EventFields): void {
    record.hear(kind, event);
    this.#records.set(record.uuid, record);
    this.#arrivals.push(record);
    this.#chainOf(record.state).append(record);
    this.#count(record);
    this.#join(record);
    if (this.#records.size > this.#max) this.#dropOne();
  }

  #change(record: TaskRecord, kind: string, event: EventFields): void {
    const { state, name, worker, parentId } = record;
    record.hear(kind, event);
    if (record.state !== state || record.name !== name || record.worker !== worker) {
      this.#uncount(state, name, worker);
      this.#count(record);
    }
    const [chain, next] = [this.#chainOf(state), this.#chainOf(record.state)];
    if (chain !== next) {
      chain.remove(record);
      next.append(record);
    }
    if (record.parentId !== parentId) {
      this.#leave(record.uuid, parentId);
      this.#join(record);
    }
  }

  #dropOne(): void {
    const record = (this.#ended.first ?? this.#waiting.first ?? this.#running.first) as TaskRecord;
    this.#records.delete(record.uuid);
    record.isKept = false;
    this.#chainOf(record.state).remove(record);
    this.#uncount(record.state, record.name, record.worker);
    this.#leave(record.uuid, record.parentId);
    if (this.#arrivals.length > 2 * this.#max) this.#arrivals = this.#arrivals.filter(({ isKept }) => isKept);
  }

  #chainOf(state: string): Chain<TaskRecord> {
    if (state === "STARTED") return this.#running;
    return hasEnded(state) ? this.#ended : this.#waiting;
  }

  #count(record: TaskRecord): void {
    const { state, name, worker } = record;
    record.state = this.#byState.add(state, state);
    if (name !== undefined) record.name = this.#byName.add(name, state);
    if (worker !== undefined) record.worker = this.#byWorker.add(worker, state);
  }

  #uncount(state: string, name: string | undefined, worker: string | undefined): void {
    this.#byState.remove(state, state);
    if (name !== undefined) this.#byName.remove(name, state);
    if (worker !== undefined) this.#byWorker.remove(worker, state);
  }

  #join({ uuid, parentId }: TaskRecord): void {
    if (parentId === undefined) return;
    const siblings = this.#children.get(parentId);
    if (siblings === undefined) this.#children.set(parentId, new Set([uuid]));
    else siblings.add(uuid);
  }

  #leave(uuid: string, parentId: string | undefined): void {
    if (parentId === undefined) return;
    const siblings = this.#children.get(parentId);
    siblings?.delete(uuid);
    if (siblings?.size === 0) this.#children.delete(parentId);
  }

  #info(record: TaskRecord): TaskInfo {
    return record.info([...(this.#children.get(record.uuid) ?? [])]);
  }
}

function matcherOf({ state, name, worker, text }: TaskFilter): (record: TaskRecord) => boolean {
  const pattern = text === undefined || text === "" ? undefined : new RegExp(escapeForRegExp(text), "iu");
  const has = (value: string | undefined): boolean => value !== undefined && pattern?.test(value) === true;
  return (record) =>
    (state === undefined || record.state === state) &&
    (name === undefined || record.name === name) &&
    (worker === undefined || record.worker === worker) &&
    (pattern === undefined ||
      has(record.uuid) ||
      has(record.name) ||
      has(record.args) ||
      has(record.kwargs) ||
      has(record.result) ||
      has(record.exception));
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

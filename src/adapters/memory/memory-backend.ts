import type { StoredCanvases } from "../../backend/canvases.ts";
import type { ChordCounters } from "../../backend/chords.ts";
import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import type { GroupRecords } from "../../backend/groups.ts";
import type { ResultBackend, ResultWatch } from "../../backend/result-backend.ts";
import { decodeMeta, encodeMeta } from "../../backend/task-meta.ts";
import type { TaskMeta } from "../../backend/task-meta.ts";
import type { Clock } from "../../util/clock.ts";
import { MemoryCanvases } from "./memory-canvases.ts";
import { MemoryChords } from "./memory-chords.ts";
import { MemoryGroups } from "./memory-groups.ts";
import { MemoryResults } from "./memory-results.ts";

export interface MemoryBackendOptions {
  readonly clock: Clock;
  /** How long a result is kept, in milliseconds. */
  readonly resultExpiresMs: number;
  /** Shared with other backends, as if they were in other processes. @default its own */
  readonly results?: MemoryResults;
}

/** Results in this process's memory, gone with it. They are kept as the text that would be stored elsewhere. */
export class MemoryBackend implements ResultBackend {
  readonly groups: GroupRecords;
  readonly chords: ChordCounters;
  readonly canvases: StoredCanvases;
  readonly #results: MemoryResults;
  readonly #expiresMs: number;
  readonly #watches = new Set<MemoryWatch>();
  #isDisposed = false;

  constructor({ clock, resultExpiresMs, results = new MemoryResults(clock) }: MemoryBackendOptions) {
    this.#results = results;
    this.#expiresMs = resultExpiresMs;
    const run = <T>(work: () => T): Promise<T> => this.#do(work);
    this.groups = new MemoryGroups({ records: results.groups, expiresMs: resultExpiresMs, run });
    this.chords = new MemoryChords({ chords: results.chords, clock, resultExpiresMs, run });
    this.canvases = new MemoryCanvases({ canvases: results.canvases, run });
  }

  open(): Promise<void> {
    return this.#do(() => undefined);
  }

  store(metas: readonly TaskMeta[]): Promise<readonly string[]> {
    return this.#do(() => {
      const texts = metas.map(encodeMeta);
      const refused = metas.filter((meta, index) => !this.#results.put(meta, texts[index] ?? "", this.#expiresMs));
      return refused.map(({ taskId }) => taskId);
    });
  }

  fetch(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    return this.#do(() => {
      const found = new Map<string, TaskMeta>();
      for (const taskId of taskIds) {
        const text = this.#results.get(taskId);
        if (text !== undefined) found.set(taskId, decodeMeta(text));
      }
      return found;
    });
  }

  watch(listener: (meta: TaskMeta) => void): ResultWatch {
    const watch = new MemoryWatch(this.#results, listener);
    if (this.#isDisposed) watch.stop();
    else this.#watches.add(watch);
    return watch;
  }

  forget(taskIds: readonly string[]): Promise<void> {
    return this.#do(() => {
      for (const taskId of taskIds) this.#results.delete(taskId);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    for (const watch of this.#watches) watch.stop();
    this.#watches.clear();
  }

  async #do<T>(work: () => T): Promise<T> {
    if (this.#isDisposed) throw new ResultBackendUnavailableError("memory:", "it is closed.");
    return work();
  }
}

/** Tells of changes after the store has been told, never within a call. */
class MemoryWatch implements ResultWatch {
  readonly #results: MemoryResults;
  readonly #listener: (meta: TaskMeta) => void;
  readonly #taskIds = new Set<string>();
  #isStopped = false;

  constructor(results: MemoryResults, listener: (meta: TaskMeta) => void) {
    this.#results = results;
    this.#listener = listener;
    results.listen(this.#hear);
  }

  async add(taskIds: readonly string[]): Promise<void> {
    if (this.#isStopped) throw new ResultBackendUnavailableError("memory:", "the watch is closed.");
    for (const taskId of taskIds) {
      this.#taskIds.add(taskId);
      const text = this.#results.get(taskId);
      if (text !== undefined) this.#hear(taskId, text);
    }
  }

  remove(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#taskIds.delete(taskId);
  }

  stop(): void {
    this.#isStopped = true;
    this.#taskIds.clear();
    this.#results.unlisten(this.#hear);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  readonly #hear = (taskId: string, text: string): void => {
    if (!this.#taskIds.has(taskId)) return;
    queueMicrotask(() => {
      if (this.#taskIds.has(taskId)) this.#listener(decodeMeta(text));
    });
  };
}

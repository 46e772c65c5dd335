import type { Abortable } from "../util/abortable.ts";
import type { StoredCanvases } from "./canvases.ts";
import type { ChordCounters } from "./chords.ts";
import type { GroupRecords } from "./groups.ts";
import type { TaskMeta } from "./task-meta.ts";

/** THE SEAM to where results are kept. `exerciseResultBackend` of `celeriac/testing` is its definition in tests. */
export interface ResultBackend extends AsyncDisposable {
  readonly groups: GroupRecords;
  readonly chords: ChordCounters;
  readonly canvases: StoredCanvases;
  /** Rejects with ResultBackendUnavailableError. Calling it again is fine. */
  open(options?: Abortable): Promise<void>;
  /** Where results are sent and not kept: resolves once those for this process are heard. Called before tasks are sent. Calling it again is fine. */
  listen?(): Promise<void>;
  /**
   * Resolves once all are stored and survive a restart. SUCCESS is never replaced by another state. Every record expires. A meta whose fence
   * is lower than that of the record is refused, in one step with the writing: a later run has told of the task. Resolves with the ids of
   * those, in their order. A meta without a fence is never refused, and leaves the record its fence.
   */
  store(metas: readonly TaskMeta[]): Promise<readonly string[]>;
  /** What is known of these tasks; ids without a record are absent. */
  fetch(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>>;
  /** One live feed for as many tasks as are added to it. The listener hears of every new meta of a watched task; repeats are possible. */
  watch(listener: (meta: TaskMeta) => void): ResultWatch;
  forget(taskIds: readonly string[]): Promise<void>;
}

/** One subscription, or one poll loop, however many tasks are watched. */
export interface ResultWatch extends AsyncDisposable {
  /** Resolves once a later change is sure to be heard; a record that is there already is heard too. */
  add(taskIds: readonly string[]): Promise<void>;
  remove(taskIds: readonly string[]): void;
}

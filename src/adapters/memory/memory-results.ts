import type { StoredCanvas } from "../../backend/canvases.ts";
import type { TaskMeta } from "../../backend/task-meta.ts";
import type { Clock } from "../../util/clock.ts";
import { ExpiringMap } from "./expiring-map.ts";
import type { MemoryChord } from "./memory-chords.ts";

type Listener = (taskId: string, text: string) => void;

interface StoredResult {
  /** The result document, as it would be stored elsewhere. */
  readonly text: string;
  readonly isSuccess: boolean;
  readonly fence: number | undefined;
  readonly expiresAt: number;
}

/**
 * Result documents by task id, and what is kept of groups, chords and canvases, on one clock. What several backends share, they share as processes share
 * a database.
 */
export class MemoryResults {
  /** Records as text, by group id. */
  readonly groups: ExpiringMap<string>;
  readonly chords: ExpiringMap<MemoryChord>;
  readonly canvases: ExpiringMap<StoredCanvas>;
  readonly #clock: Clock;
  /** Oldest first. Where all are kept equally long, the first is the next to expire. */
  readonly #results = new Map<string, StoredResult>();
  readonly #listeners = new Set<Listener>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.groups = new ExpiringMap(clock);
    this.chords = new ExpiringMap(clock);
    this.canvases = new ExpiringMap(clock);
  }

  /** Stores a document unless the task has succeeded before. False, with nothing stored, when a later run has told of the task. */
  put({ taskId, state, fence }: TaskMeta, text: string, expiresMs: number): boolean {
    const now = this.#clock.now();
    this.#dropExpired(now);
    const earlier = this.#living(taskId, now);
    if (fence !== undefined && earlier?.fence !== undefined && fence < earlier.fence) return false;
    if (earlier?.isSuccess === true) return true;
    this.#results.delete(taskId);
    const isSuccess = state === "SUCCESS";
    this.#results.set(taskId, { text, isSuccess, fence: fence ?? earlier?.fence, expiresAt: now + expiresMs });
    for (const listener of this.#listeners) listener(taskId, text);
    return true;
  }

  get(taskId: string): string | undefined {
    return this.#living(taskId, this.#clock.now())?.text;
  }

  delete(taskId: string): void {
    this.#results.delete(taskId);
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  #living(taskId: string, now: number): StoredResult | undefined {
    const result = this.#results.get(taskId);
    return result !== undefined && result.expiresAt > now ? result : undefined;
  }

  #dropExpired(now: number): void {
    for (const [taskId, { expiresAt }] of this.#results) {
      if (expiresAt > now) return;
      this.#results.delete(taskId);
    }
  }
}

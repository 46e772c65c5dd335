import type { Clock } from "../../util/clock.ts";

type Listener = (taskId: string, text: string) => void;

interface StoredResult {
  /** The result document, as it would be stored elsewhere. */
  readonly text: string;
  readonly isSuccess: boolean;
  readonly expiresAt: number;
}

/** Result documents by task id, on one clock. What several backends share, they share as processes share a database. */
export class MemoryResults {
  readonly #clock: Clock;
  /** Oldest first. Where all are kept equally long, the first is the next to expire. */
  readonly #results = new Map<string, StoredResult>();
  readonly #listeners = new Set<Listener>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Stores a document unless the task has succeeded before. */
  put(taskId: string, text: string, isSuccess: boolean, expiresMs: number): void {
    const now = this.#clock.now();
    this.#dropExpired(now);
    const earlier = this.#results.get(taskId);
    if (earlier?.isSuccess === true && earlier.expiresAt > now) return;
    this.#results.delete(taskId);
    this.#results.set(taskId, { text, isSuccess, expiresAt: now + expiresMs });
    for (const listener of this.#listeners) listener(taskId, text);
  }

  get(taskId: string): string | undefined {
    const result = this.#results.get(taskId);
    return result !== undefined && result.expiresAt > this.#clock.now() ? result.text : undefined;
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

  #dropExpired(now: number): void {
    for (const [taskId, { expiresAt }] of this.#results) {
      if (expiresAt > now) return;
      this.#results.delete(taskId);
    }
  }
}

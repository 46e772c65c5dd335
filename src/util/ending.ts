import type { Abortable } from "./abortable.ts";

/** What ends something from outside. A bare AbortSignal would cost every task and every send more than most of what is done for it. */
export class Ending implements Abortable {
  #isOver = false;
  #reason: unknown;
  #listener: ((reason: unknown) => void) | undefined;
  #controller: AbortController | undefined;

  /** Whether the end has come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether somebody has its one listener. */
  get isHeard(): boolean {
    return this.#listener !== undefined;
  }

  /** The same as a signal, made when somebody asks. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isOver) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Calls `listener` when the end comes, at once when it has; undefined for nobody. One at a time: whoever has the work now. */
  onEnd(listener: ((reason: unknown) => void) | undefined): void {
    this.#listener = listener;
    if (this.#isOver) listener?.(this.#reason);
  }

  /** Again, it does nothing. */
  end(reason?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reason = reason;
    this.#listener?.(reason);
    this.#controller?.abort(reason);
  }
}

/** Whether something was given up by now. */
export function isOver(until: Abortable): boolean {
  return until instanceof Ending ? until.isOver : until.signal?.aborted === true;
}

/** Calls `listener` with the reason when the end comes, at once when it has, unless the function that it returns is called before. */
export function onceOver(until: Abortable, listener: (reason: unknown) => void): () => void {
  if (until instanceof Ending && !until.isHeard) {
    until.onEnd(listener);
    return () => until.onEnd(undefined);
  }
  const { signal } = until;
  if (signal === undefined) return () => undefined;
  const abort = (): void => listener(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  return () => signal.removeEventListener("abort", abort);
}

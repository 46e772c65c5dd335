/** What ends a run from outside. A bare AbortSignal would cost every task more than all else that its pool does for it. */
export class Ending {
  #isOver = false;
  #listener: (() => void) | undefined;
  #controller: AbortController | undefined;

  /** Whether the run is over already. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The same as a signal, made when somebody asks. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isOver) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Calls `listener` when the end comes, at once when it has; undefined for nobody. One at a time: whoever runs the task now. */
  onEnd(listener: (() => void) | undefined): void {
    this.#listener = listener;
    if (this.#isOver) listener?.();
  }

  /** Again, it does nothing. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener?.();
    this.#controller?.abort();
  }
}

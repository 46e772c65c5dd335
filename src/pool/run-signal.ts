/** The signal that a task sees. It is made when somebody asks: most tasks never look. */
export class RunSignal {
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }
}

/** The signal's reason in a run that was given up. */
export function givenUpError(): Error {
  return new Error("The run was given up: its time is over, its lease was lost, or its worker stops.");
}

/** Opens something at most once, however many ask at the same time; a failure is not kept: the next to ask tries again. */
export class OnceOpen<T> {
  readonly #open: () => Promise<T>;
  #opening: Promise<T> | undefined;

  constructor(open: () => Promise<T>) {
    this.#open = open;
  }

  get(): Promise<T> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Resolves once nothing is being opened; opens nothing itself. */
  async settled(): Promise<void> {
    await this.#opening?.catch(() => undefined); // whoever asked for it hears why
  }
}

import { endOfTurn } from "../../util/end-of-turn.ts";

/**
 * Which families of claims had none when messages were handed out: whoever takes messages looks after them in the same step, and spares the key store's user
 * a round trip before each of its tasks. What was seen holds for the turn of the event loop in which it was heard.
 */
export class EmptyFamilies {
  /** The keys of the families that somebody has asked for. */
  readonly #wanted = new Set<string>();
  #empty: ReadonlySet<string> = new Set();
  /** How often a claim was made in this process: what was asked before tells nothing of it. */
  #claims = 0;

  get wanted(): readonly string[] {
    return [...this.#wanted];
  }

  /** Whether it has been seen in this very turn. The next to take messages looks. */
  has(family: string): boolean {
    this.#wanted.add(family);
    return this.#empty.has(family);
  }

  /** To be called before the server is asked; what it returns is told which are empty. */
  look(): (empty: readonly string[]) => void {
    const claims = this.#claims;
    return (empty) => {
      if (empty.length === 0 || claims !== this.#claims) return;
      const seen = new Set(empty);
      this.#empty = seen;
      void endOfTurn().then(() => {
        if (this.#empty === seen) this.#empty = new Set();
      });
    };
  }

  /** Something was claimed here. */
  forget(): void {
    this.#claims += 1;
    this.#empty = new Set();
  }
}

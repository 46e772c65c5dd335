import { andThen } from "../util/and-then.ts";
import { Batcher } from "../util/batcher.ts";
import { endOfTurn } from "../util/end-of-turn.ts";

export interface RareMarksOptions<T> {
  /** False only when nothing at all is marked. */
  readonly mayBeAny: () => boolean | Promise<boolean>;
  readonly areMarked: (items: readonly T[]) => Promise<readonly boolean[]>;
}

/** Tells whether something is marked that nearly nothing ever is. What is asked together is one look at the store. */
export class RareMarks<T> {
  readonly #options: RareMarksOptions<T>;
  readonly #marked: Batcher<T, boolean>;
  /** Whether there may be any, for one turn of the event loop. */
  #any: boolean | Promise<boolean> | undefined;

  constructor(options: RareMarksOptions<T>) {
    this.#options = options;
    this.#marked = new Batcher((items) => options.areMarked(items));
  }

  /** At once where nothing at all is marked, as nearly always, and where this has been seen in this very turn of the event loop. */
  has(item: T): boolean | Promise<boolean> {
    return andThen(this.#mayBeAny(), (mayBe) => mayBe && this.#marked.add(item));
  }

  /** What asks in one turn of the event loop gets one answer. */
  #mayBeAny(): boolean | Promise<boolean> {
    if (this.#any === undefined) {
      this.#any = andThen(this.#options.mayBeAny(), (mayBe) => {
        this.#any = mayBe;
        void endOfTurn().then(() => (this.#any = undefined));
        return mayBe;
      });
      if (this.#any instanceof Promise) this.#any.catch(() => (this.#any = undefined));
    }
    return this.#any;
  }
}

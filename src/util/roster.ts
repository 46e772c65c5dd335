/** What can be in a roster, in one at a time. */
export interface Member {
  /** Its place there; for the roster alone. */
  place: number;
}

/** The place of who is in no roster. */
export const NOWHERE = -1;

/**
 * A set whose members know their places. For what comes and goes with every task: each time a Set has changed so and so often it makes another table, and the old one,
 * once it has grown old, keeps all that was ever in those after it until the next full collection.
 */
export class Roster<T extends Member> implements Iterable<T> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  has(member: T): boolean {
    return this.#members[member.place] === member;
  }

  /** Who is in it already stays where it is. */
  add(member: T): void {
    if (this.has(member)) return;
    member.place = this.#members.length;
    this.#members.push(member);
  }

  /** False when it was not there. The last member comes in its place. */
  delete(member: T): boolean {
    if (!this.has(member)) return false;
    const last = this.#members.pop() as T;
    if (last !== member) {
      this.#members[member.place] = last;
      last.place = member.place;
    }
    member.place = NOWHERE;
    return true;
  }

  /** Those who are in it now, in no order, whoever comes and goes meanwhile. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.slice().values();
  }
}

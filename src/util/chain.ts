/** What can be in a chain, in one at a time. */
export interface Link<T> {
  /** Its neighbours there; for the chain alone. */
  previous: T | undefined;
  next: T | undefined;
}

/** Members in the order in which they came, who can leave from anywhere at no cost. */
export class Chain<T extends Link<T>> {
  #first: T | undefined;
  #last: T | undefined;

  /** Who came first of all who are in it. */
  get first(): T | undefined {
    return this.#first;
  }

  /** The member must be in no chain. */
  append(member: T): void {
    member.previous = this.#last;
    if (this.#last === undefined) this.#first = member;
    else this.#last.next = member;
    this.#last = member;
  }

  /** The member must be in this chain. */
  remove(member: T): void {
    const { previous, next } = member;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    member.previous = undefined;
    member.next = undefined;
  }
}

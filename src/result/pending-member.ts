import type { ResultNode } from "../backend/groups.ts";
import type { Outcome } from "./outcome.ts";
import { assemble, leavesOf } from "./result-tree.ts";

/** Puts the outcome of a group's member together, of those of its leaves. */
export class PendingMember {
  readonly index: number;
  /** How many leaves it has: none, where it is an empty group. */
  readonly size: number;
  readonly #node: ResultNode;
  readonly #values: unknown[] = [];
  #left: number;
  #hasFailed = false;

  constructor(node: ResultNode, index: number) {
    this.#node = node;
    this.index = index;
    this.size = leavesOf(node).length;
    this.#left = this.size;
  }

  /** Takes the outcome of one leaf. The member's own, if it is known by that; undefined also where it was known before. */
  add(place: number, outcome: Outcome): Outcome | undefined {
    if (this.#hasFailed) return undefined;
    if (outcome.status === "rejected") {
      this.#hasFailed = true;
      return outcome;
    }
    this.#values[place] = outcome.value;
    this.#left -= 1;
    return this.#left === 0 ? this.value() : undefined;
  }

  /** The outcome of one whose leaves have all succeeded. */
  value(): Outcome {
    return { status: "fulfilled", value: assemble(this.#node, this.#values.values()) };
  }
}

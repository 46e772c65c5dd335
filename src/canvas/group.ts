import { Canvas, dictsOfParts } from "./canvas.ts";
import { pipedChord, type Chord } from "./chord.ts";
import { Composite, type CompositeParts } from "./composite.ts";
import { groupDict } from "./dicts.ts";
import type { AnyCanvas, CommonTakes, Fits, ResultOf, ResultsOf, SentGroup, SentOf, TakesOf } from "./takes.ts";

/** Members that run at once. `Results` are theirs, in their order. Celery: `celery/canvas.py:group`. */
export class Group<
  Results extends readonly unknown[] = readonly unknown[],
  Takes extends readonly unknown[] = readonly unknown[],
> extends Composite<Results, Takes, SentGroup<Results>> {
  /** Only for the type checker. */
  declare readonly "~members": Results;

  /** A chord with what follows for its body. */
  override pipe<This extends AnyCanvas, Next extends AnyCanvas>(
    this: This,
    next: Next & Fits<ResultOf<This>, Next>,
  ): Chord<ResultOf<Next>, TakesOf<This>, SentOf<Next>> {
    return pipedChord(this, next);
  }

  protected override like(parts: CompositeParts): this {
    return new Group(parts) as this;
  }
}

/** A group of the members: `group(a, b, c)`, or anything that can be gone through. Throws CanvasError for a member that is no canvas. */
export function group<const Members extends readonly AnyCanvas[]>(
  ...members: Members
): Group<ResultsOf<Members>, CommonTakes<Members>>;
export function group<const Members extends readonly AnyCanvas[]>(
  members: Members,
): Group<ResultsOf<Members>, CommonTakes<Members>>;
export function group<Member extends AnyCanvas>(
  members: Iterable<Member>,
): Group<ResultsOf<readonly Member[]>, CommonTakes<readonly Member[]>>;
export function group(...given: readonly unknown[]): Group {
  const members = membersIn(given);
  return new Group({ dict: groupDict(dictsOfParts(members, "Member")), sender: Canvas.senderOf(members) });
}

function membersIn(given: readonly unknown[]): readonly object[] {
  const [only] = given;
  const isList = given.length === 1 && typeof only === "object" && only !== null && Symbol.iterator in only;
  return (isList ? [...(only as Iterable<unknown>)] : given) as readonly object[];
}

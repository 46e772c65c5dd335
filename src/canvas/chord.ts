import { Canvas, dictOfPart, dictsOfParts } from "./canvas.ts";
import { Composite, type CompositeParts } from "./composite.ts";
import { chordDict, handedDown } from "./dicts.ts";
import { CanvasError } from "./errors.ts";
import { pipedDict } from "./steps.ts";
import type { AnyCanvas, AnySent, CommonTakes, Fits, ResultOf, ResultsOf, SentOf, TakesOf } from "./takes.ts";

/** A header, all of which runs at once, and a body that gets the list of its results. Celery: `celery/canvas.py:_chord`. */
export class Chord<
  Result = unknown,
  Takes extends readonly unknown[] = readonly unknown[],
  Sent = AnySent,
> extends Composite<Result, Takes, Sent> {
  /** What comes after the body. */
  override pipe<This extends AnyCanvas, Next extends AnyCanvas>(
    this: This,
    next: Next & Fits<ResultOf<This>, Next>,
  ): Chord<ResultOf<Next>, TakesOf<This>, SentOf<Next>> {
    return pipedChord(this, next);
  }

  protected override like(parts: CompositeParts): this {
    return new Chord(parts) as this;
  }
}

/** A header as a group is one. */
interface GroupLike extends AnyCanvas {
  readonly "~members": readonly unknown[];
}

/**
 * A chord of a header, which is a list or a group, and a body, which takes the list of the header's results. What it still takes all of its header gets.
 * Throws CanvasError for what is no canvas.
 */
export function chord<const Header extends readonly AnyCanvas[], Body extends AnyCanvas>(
  header: Header,
  body: Body & Fits<ResultsOf<Header>, Body>,
): Chord<ResultOf<Body>, CommonTakes<Header>, SentOf<Body>>;
export function chord<Header extends GroupLike, Body extends AnyCanvas>(
  header: Header,
  body: Body & Fits<ResultOf<Header>, Body>,
): Chord<ResultOf<Body>, TakesOf<Header>, SentOf<Body>>;
export function chord<Member extends AnyCanvas, Body extends AnyCanvas>(
  header: Iterable<Member>,
  body: Body & Fits<ResultsOf<readonly Member[]>, Body>,
): Chord<ResultOf<Body>, CommonTakes<readonly Member[]>, SentOf<Body>>;
export function chord(header: Iterable<unknown> | AnyCanvas, body: unknown): Chord {
  const bodyDict = dictOfPart(body, "The body of a chord");
  if (header instanceof Canvas) {
    const dict = header.toDict();
    if (dict.subtask_type !== "group")
      throw new CanvasError(`The header of a chord must be a list or a group, and not a single ${dict.task}.`);
    return new Chord({
      dict: chordDict(handedDown(dict), bodyDict),
      sender: Canvas.senderOf([header, body as object]),
    });
  }
  const members = [...(header as Iterable<object>)];
  const dicts = dictsOfParts(members, "Member");
  return new Chord({ dict: chordDict(dicts, bodyDict), sender: Canvas.senderOf([...members, body as object]) });
}

/** The chord that a group, or a chord, becomes with what follows it. */
export function pipedChord<Result, Takes extends readonly unknown[], Sent>(
  canvas: AnyCanvas,
  next: AnyCanvas,
): Chord<Result, Takes, Sent> {
  const sender = Canvas.senderOf([canvas, next]);
  return new Chord({ dict: pipedDict(canvas.toDict(), dictOfPart(next, "The next step"), sender), sender });
}

import { Canvas, dictsOfParts } from "./canvas.ts";
import { Composite, type CompositeParts } from "./composite.ts";
import { chainDict } from "./dicts.ts";
import { stepsOf } from "./steps.ts";
import type { AnyCanvas, AnySent, EndOf, FirstOf, Fits, FittingSteps, ResultOf, SentOf, TakesOf } from "./takes.ts";

/** Steps that follow one another, each with the result of the one before. Celery: `celery/canvas.py:_chain`. */
export class Chain<
  Result = unknown,
  Takes extends readonly unknown[] = readonly unknown[],
  Sent = AnySent,
> extends Composite<Result, Takes, Sent> {
  override pipe<This extends AnyCanvas, Next extends AnyCanvas>(
    this: This,
    next: Next & Fits<ResultOf<This>, Next>,
  ): Chain<ResultOf<Next>, TakesOf<This>, SentOf<Next>> {
    return chainOf([this, next]);
  }

  protected override like(parts: CompositeParts): this {
    return new Chain(parts) as this;
  }
}

/**
 * A chain of the steps, each of which takes what the one before gives: `chain(a, b, c)`, or a list of them. Chains within it dissolve, and a group that is followed
 * by a step becomes a chord with that step for its body, which takes the list of the group's results. Throws CanvasError for a step that is no canvas.
 */
export function chain<const Steps extends readonly AnyCanvas[]>(
  ...steps: Steps & FittingSteps<Steps>
): Chain<ResultOf<EndOf<Steps>>, TakesOf<FirstOf<Steps>>, SentOf<EndOf<Steps>>>;
export function chain<const Steps extends readonly AnyCanvas[]>(
  steps: Steps & FittingSteps<Steps>,
): Chain<ResultOf<EndOf<Steps>>, TakesOf<FirstOf<Steps>>, SentOf<EndOf<Steps>>>;
export function chain(...given: readonly unknown[]): Chain {
  const [list] = given;
  return chainOf(given.length === 1 && Array.isArray(list) ? (list as readonly unknown[]) : given);
}

/** Of what the compiler has checked. */
export function chainOf<Result, Takes extends readonly unknown[], Sent>(
  steps: readonly unknown[],
): Chain<Result, Takes, Sent> {
  const dicts = dictsOfParts(steps, "Step");
  const sender = Canvas.senderOf(steps as readonly object[]);
  return new Chain({ dict: chainDict(stepsOf(dicts, sender)), sender });
}

import type { Task } from "../app/task.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { Canvas } from "./canvas.ts";
import { groupDict } from "./dicts.ts";
import { CanvasError } from "./errors.ts";
import { Group } from "./group.ts";
import { Signature } from "./signature.ts";
import type { OnlyOf } from "./takes.ts";

const MAP = "celery.map";
const STARMAP = "celery.starmap";

/** One call that runs a task for each item, one after the other, and gives the list of their results. Celery: `celery/canvas.py:xmap`. */
export function xmap<Args extends readonly unknown[], Names extends readonly string[], Result>(
  task: Task<Args, Names, Result>,
  items: Iterable<OnlyOf<NoInfer<Args>>>,
): Signature<Result[]> {
  return mapped(MAP, task, [...items]);
}

/** As `xmap`, with a list of arguments for each. Celery: `celery/canvas.py:xstarmap`. */
export function starmap<Args extends readonly unknown[], Names extends readonly string[], Result>(
  task: Task<Args, Names, Result>,
  lists: Iterable<NoInfer<Args>>,
): Signature<Result[]> {
  return mapped(STARMAP, task, [...lists]);
}

/**
 * A group of `starmap`s, of `size` lists of arguments each, and of what is left over the last. Throws CanvasError for a size that is no whole number of at least 1.
 * Celery: `celery/canvas.py:chunks.group`.
 */
export function chunks<Args extends readonly unknown[], Names extends readonly string[], Result>(
  task: Task<Args, Names, Result>,
  lists: Iterable<NoInfer<Args>>,
  size: number,
): Group<Result[][]> {
  const signature = callOf(task);
  const dict = chunksDict(signature.toDict(), [...lists], size);
  return new Group({ dict, sender: Canvas.senderOf([signature]) });
}

/** The group that chunks are, in Celery's JSON form. Throws CanvasError. */
export function chunksDict(task: SignatureDict, lists: readonly unknown[], size: unknown): SignatureDict {
  if (!Number.isSafeInteger(size) || Number(size) < 1)
    throw new CanvasError(`Chunks of ${task.task} must have a size of at least 1, and not ${String(size)}.`);
  const each = Number(size);
  const parts = Array.from({ length: Math.ceil(lists.length / each) }, (_, index) =>
    lists.slice(index * each, (index + 1) * each),
  );
  return groupDict(parts.map((it) => new Signature(mapOf(STARMAP, task, it)).toDict()));
}

/** The name of the task that a call maps; undefined for a call of any other kind. */
export function mappedTask({ task, kwargs }: Pick<Signature, "task" | "kwargs">): string | undefined {
  if (task !== MAP && task !== STARMAP) return undefined;
  const { task: signature } = kwargs;
  return typeof signature === "object" &&
    signature !== null &&
    "task" in signature &&
    typeof signature.task === "string"
    ? signature.task
    : undefined;
}

function mapped<Result>(kind: string, task: Callable, it: readonly unknown[]): Signature<Result> {
  const signature = callOf(task);
  return new Signature(mapOf(kind, signature.toDict(), it), Canvas.senderOf([signature]));
}

/** A task, whatever its arguments are. */
interface Callable {
  readonly s: () => Signature;
}

function callOf(task: Callable): Signature {
  return task.s();
}

/** The task's signature stands in it for its name: the worker gives it no arguments but the items. */
function mapOf(kind: string, task: SignatureDict, it: readonly unknown[]) {
  return { task: kind, kwargs: { task, it }, immutable: true };
}

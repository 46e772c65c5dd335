import { signatureFromDict } from "../message/signature-dict.ts";
import type { Canvas } from "./canvas.ts";
import { Chain } from "./chain.ts";
import { Chord } from "./chord.ts";
import { bodyOf, headerOf, tasksOf } from "./dicts.ts";
import { CanvasError } from "./errors.ts";
import { Group } from "./group.ts";
import { Signature } from "./signature.ts";

/**
 * A canvas from Celery's JSON form, as a task gets one among its arguments: sent by `app.send(canvas)`. Throws
 * UnreadableMessageError for what is no signature, or has none where there must be one, and CanvasError for one of an unknown kind.
 */
export function canvasFromDict(value: unknown): Canvas {
  const dict = signatureFromDict(value, "the canvas");
  switch (dict.subtask_type) {
    case null:
      return Signature.fromDict(dict);
    case "chain":
      checkAll(tasksOf(dict));
      return new Chain({ dict, sender: undefined });
    case "group":
      checkAll(tasksOf(dict));
      return new Group({ dict, sender: undefined });
    case "chord":
      checkAll([...headerOf(dict), bodyOf(dict)]);
      return new Chord({ dict, sender: undefined });
    default:
      throw new CanvasError(
        `A canvas is of the unknown kind "${dict.subtask_type}": it is no task, chain, group or chord.`,
      );
  }
}

function checkAll(parts: readonly unknown[]): void {
  for (const part of parts) canvasFromDict(part);
}

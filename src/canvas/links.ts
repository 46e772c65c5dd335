import { isDeepStrictEqual } from "node:util";
import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { bodyOf, headerOf, tasksOf, withBody, withHeader, withOptions, withTasks } from "./dicts.ts";
import { CanvasError } from "./errors.ts";
import type { Sender } from "./sender.ts";

/**
 * The canvas with one more callback: of a chain's own, which are its last task's when it is sent; of a chord's body; of the first member of a group,
 * without its result, since nobody of a group has the results of all.
 *
 * Celery: `link` of each kind in `celery/canvas.py`.
 */
export function withLink(dict: SignatureDict, callback: SignatureDict): SignatureDict {
  if (dict.subtask_type === "chord") return withBody(dict, withLink(bodyOf(dict), callback));
  if (dict.subtask_type !== "group") return withOneMore(dict, "link", callback);
  const [first, ...rest] = tasksOf(dict);
  if (first === undefined) throw new CanvasError("A group without members has nobody to call back: link to a chord.");
  return withTasks(dict, [withLink(first, { ...callback, immutable: true }), ...rest]);
}

/**
 * The canvas with one more errback: of a chain's own, which are each of its tasks' when it is sent; of every member of a group; of a chord's body, and of
 * its header where the app says so. A chord within a header tells of its own failure.
 *
 * Celery: `link_error` of each kind in `celery/canvas.py`.
 */
export function withErrback(dict: SignatureDict, errback: SignatureDict, sender: Sender | undefined): SignatureDict {
  const alsoTold = (part: SignatureDict): SignatureDict => withErrback(part, errback, sender);
  switch (dict.subtask_type) {
    case "group":
      return withTasks(dict, tasksOf(dict).map(alsoTold));
    case "chord": {
      const toAll = sender?.linksErrorsToHeaders() ?? false;
      const header = headerOf(dict).map((member) =>
        toAll || member.subtask_type === "chord" ? alsoTold(member) : member,
      );
      return withBody(withHeader(dict, header), alsoTold(bodyOf(dict)));
    }
    default:
      return withOneMore(dict, "link_error", errback);
  }
}

function withOneMore(dict: SignatureDict, option: "link" | "link_error", followUp: SignatureDict): SignatureDict {
  const there = signaturesFrom(dict.options[option], option);
  if (there.some((other) => isDeepStrictEqual(other, followUp))) return dict;
  return withOptions(dict, { [option]: [...there, followUp] });
}

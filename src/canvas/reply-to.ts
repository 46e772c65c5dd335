import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { bodyOf, tasksOf, withBody, withHeader, withOptions, withTasks } from "./dicts.ts";
import { headerGroupOf } from "./parts.ts";

/** What a signature has in its options that is to be sent too. */
const FOLLOWING = ["link", "link_error", "chain"] as const;

/**
 * Tells every task of a signature, and what follows it, whom its result is for, unless it says so itself. For results that are sent and not kept: who sends a
 * later step is not who asked. Throws UnreadableMessageError. Celery: `celery/canvas.py:Signature.freeze`.
 */
export function withReplyTo(dict: SignatureDict, replyTo: string): SignatureDict {
  const { options } = dict;
  const inside = (dicts: readonly SignatureDict[]): readonly SignatureDict[] =>
    dicts.map((one) => withReplyTo(one, replyTo));
  const following = FOLLOWING.flatMap((name) => {
    const there = signaturesFrom(options[name], name);
    return there.length === 0 ? [] : [[name, inside(there)] as const];
  });
  const own = withOptions(dict, Object.fromEntries(following));
  switch (dict.subtask_type) {
    case "chain":
    case "group":
      return withTasks(own, inside(tasksOf(dict)));
    case "chord": {
      const header = headerGroupOf(dict);
      const chord = withBody(own, withReplyTo(bodyOf(dict), replyTo));
      const told = withTasks(header, inside(tasksOf(header)));
      return Array.isArray(dict.kwargs["header"])
        ? withHeader(chord, tasksOf(told))
        : { ...chord, kwargs: { ...chord.kwargs, header: told } };
    }
    default:
      return typeof options["reply_to"] === "string" ? own : withOptions(own, { reply_to: replyTo });
  }
}

import { withoutParents, type ResultNode } from "../backend/groups.ts";
import { UnreadableMessageError } from "../message/errors.ts";
import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { freeze } from "./freeze.ts";
import { withOptions } from "./dicts.ts";
import { chordPartsOf, leading, membersOf, stepsOf } from "./parts.ts";
import { withPartials } from "./partials.ts";

/** A call and the rest of the chain that it leads, next step last. */
export interface Lead {
  readonly call: SignatureDict;
  readonly chain: readonly SignatureDict[];
}

/** A chord whose members are about to be sent. */
export interface StartedChord {
  readonly id: string;
  /** How many results it waits for. */
  readonly size: number;
  readonly body: SignatureDict;
  /** What its header's results are, where that is more than a list. */
  readonly header: ResultNode | undefined;
}

/** What a frozen signature sends when it starts. */
export interface Launch {
  readonly leads: readonly Lead[];
  readonly chords: readonly StartedChord[];
}

/**
 * What is sent when a frozen signature starts: itself, the first step of a chain, all members of a group or of a chord's header. `bodyCarried` is what
 * the members of a chord carry of its body. Throws UnreadableMessageError.
 *
 * Celery: `celery/canvas.py:_chain.run`, `group.apply_async`, `_chord.run`.
 */
export function launch(dict: SignatureDict, bodyCarried: BodyCarried = (body) => body): Launch {
  switch (dict.subtask_type) {
    case "chain": {
      const [first, ...later] = stepsOf(dict);
      if (first === undefined) return NOTHING;
      const rest = [...signaturesFrom(dict.options["chain"], "chain"), ...later.reverse()];
      return launch(leading(first, rest), bodyCarried);
    }
    case "group":
      return together(membersOf(dict).map((member) => launch(member, bodyCarried)));
    case "chord":
      return launchOfChord(dict, bodyCarried);
    default:
      return { leads: [{ call: dict, chain: signaturesFrom(dict.options["chain"], "chain") }], chords: [] };
  }
}

type BodyCarried = (body: SignatureDict) => SignatureDict;

const NOTHING: Launch = { leads: [], chords: [] };

/** A chord whose header is empty starts with its body. */
function launchOfChord(dict: SignatureDict, bodyCarried: BodyCarried): Launch {
  const { header, body: whole } = chordPartsOf(dict);
  const { task_id: id } = header.options;
  if (typeof id !== "string") throw new UnreadableMessageError("the header of a chord has no id");
  const size = membersOf(header).reduce((sum, member) => sum + endsOf(member), 0);
  if (size === 0) return launch(withPartials(whole, [[]]), bodyCarried);
  const body = bodyCarried(whole);
  const members = membersOf(withOptions(header, { chord: body }));
  const own: StartedChord = { id, size, body, header: nested(header) };
  return together([{ leads: [], chords: [own] }, ...members.map((member) => launch(member, bodyCarried))]);
}

/** How many tasks end a signature: each tells the chord that it belongs to. Celery: `celery/canvas.py:_chord._descend`. */
function endsOf(dict: SignatureDict): number {
  switch (dict.subtask_type) {
    case "chain":
      return (
        stepsOf(dict)
          .map(endsOf)
          .findLast((ends) => ends > 0) ?? 0
      );
    case "group":
      return membersOf(dict).reduce((sum, member) => sum + endsOf(member), 0);
    case "chord":
      return endsOf(chordPartsOf(dict).body);
    default:
      return 1;
  }
}

/** Undefined for a header all of whose members have one result each. */
function nested(header: SignatureDict): ResultNode | undefined {
  const result = freeze(header, { newId: unknownId })?.result;
  return result?.members?.some(({ members }) => members !== null) === true ? withoutParents(result) : undefined;
}

function unknownId(): never {
  throw new UnreadableMessageError("a member of a chord has no id");
}

function together(launches: readonly Launch[]): Launch {
  return {
    leads: launches.flatMap(({ leads }) => leads),
    chords: launches.flatMap(({ chords }) => chords),
  };
}

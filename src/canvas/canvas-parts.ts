import { encodeJson } from "../message/json.ts";
import { signatureFromDict, signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { bodyOf, tasksOf, withBody, withOptions, withTasks } from "./dicts.ts";
import { endsInGroup } from "./freeze.ts";
import { headerGroupOf, MEMBERSHIP } from "./parts.ts";
import { storedDict, type StoredSteps } from "./stored.ts";

/**
 * What follows a message is stored where it is longer than this, in characters of JSON: some eight tasks. What is shorter costs a message less than
 * a look into the store would.
 */
const CARRIED_LENGTH = 2_048;

/**
 * Takes what follows the messages of frozen signatures out of them, to be stored: each task, body and header once, however deep, so that none of the steps
 * between has anything to store again.
 */
export class CanvasParts {
  /** As JSON. */
  readonly texts: string[] = [];
  readonly #where: Pick<StoredSteps, "canvas" | "queue">;

  constructor(where: Pick<StoredSteps, "canvas" | "queue">) {
    this.#where = where;
  }

  /**
   * The signature with what is stored in place of what is long. `countsEnds`: it is a member of a chord's header, whose ends are counted, so that what ends
   * in a group has to say so.
   */
  shortened(dict: SignatureDict, countsEnds = false): SignatureDict {
    const { chain, chord } = dict.options;
    const later = signaturesFrom(chain, "chain");
    const options = {
      ...(later.length === 0 ? {} : { chain: [...this.#carried([...later].reverse(), countsEnds)].reverse() }),
      ...(chord === undefined || chord === null ? {} : { chord: this.body(signatureFromDict(chord, "chord")) }),
    };
    const own = this.#within(dict, countsEnds);
    return Object.keys(options).length === 0 ? own : withOptions(own, options);
  }

  /** The same of a chord's body, which nothing comes before. */
  body(dict: SignatureDict, countsEnds = false): SignatureDict {
    const [carried] = this.#carried([dict], countsEnds) as [SignatureDict];
    return carried;
  }

  #within(dict: SignatureDict, countsEnds: boolean): SignatureDict {
    switch (dict.subtask_type) {
      case "chain": {
        const [first, ...later] = tasksOf(dict);
        if (first === undefined) return dict;
        return withTasks(dict, [
          this.shortened(first, countsEnds && later.length === 0),
          ...this.#carried(later, countsEnds),
        ]);
      }
      case "group":
        return withTasks(
          dict,
          tasksOf(dict).map((task) => this.shortened(task, countsEnds)),
        );
      case "chord": {
        const header = headerGroupOf(dict);
        const members = tasksOf(header).map((member) => this.shortened(member, true));
        const short = { ...dict, kwargs: { ...dict.kwargs, header: withTasks(header, members) } };
        const body = bodyOf(dict);
        // Without members it starts at once: nothing carries it.
        return withBody(short, members.length === 0 ? this.shortened(body, countsEnds) : this.body(body, countsEnds));
      }
      default:
        return dict;
    }
  }

  /** What stands for steps that follow a message: they themselves, or one that says where they are. */
  #carried(steps: readonly SignatureDict[], countsEnds: boolean): readonly SignatureDict[] {
    const last = steps.at(-1);
    if (last === undefined) return steps;
    if (countsEnds && endsInGroup(last))
      return [...this.#carried(steps.slice(0, -1), false), this.shortened(last, true)];
    const short = steps.map((step) => this.shortened(step));
    const texts = short.map((step) => encodeJson(step, "canvas"));
    if (texts.reduce((sum, { length }) => sum + length, 0) <= CARRIED_LENGTH) return short;
    return [this.#stored(short, texts)];
  }

  /** Whose member the last of the steps is concerns them all: it is told where they are not known. */
  #stored(steps: readonly SignatureDict[], texts: readonly string[]): SignatureDict {
    const last = steps.at(-1) as SignatureDict;
    const from = this.texts.length;
    this.texts.push(...texts);
    const membership = Object.entries(last.options).filter(([name]) => MEMBERSHIP.has(name));
    const options = { task_id: idOfEnd(last), ...Object.fromEntries(membership) };
    return storedDict({ ...this.#where, from, to: this.texts.length }, options);
  }
}

/** The id of the result that a frozen signature comes to. */
function idOfEnd(dict: SignatureDict): unknown {
  switch (dict.subtask_type) {
    case "chain":
      return tasksOf(dict).slice(-1).map(idOfEnd)[0];
    case "chord":
      return idOfEnd(bodyOf(dict));
    default:
      return dict.options["task_id"];
  }
}

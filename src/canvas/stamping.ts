import { signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { bodyOf, groupDict, headerOf, tasksOf, withBody, withHeader, withOptions, withTasks } from "./dicts.ts";
import { WIRE_OPTION_NAMES } from "./signature-options.ts";
import { mergedStamps, refuseOptionNames, stampsIn, stampsToWire, type Stamps } from "./stamps.ts";

/**
 * Says which stamps each part of a canvas gets, from the outside inwards. Each method is given the part in Celery's JSON form and the stamps that it has by then,
 * and gives more, for that part and all in it. Celery: `celery/canvas.py:StampingVisitor`.
 */
export interface StampingVisitor {
  /** For each task, those among callbacks and errbacks too. */
  onSignature(signature: SignatureDict, stamps: Stamps): Stamps | undefined;
  onGroupStart?(group: SignatureDict, stamps: Stamps): Stamps | undefined;
  onGroupEnd?(group: SignatureDict, stamps: Stamps): void;
  onChainStart?(chain: SignatureDict, stamps: Stamps): Stamps | undefined;
  onChainEnd?(chain: SignatureDict, stamps: Stamps): void;
  /** @default what `onGroupStart` gives for the header as a group */
  onChordHeaderStart?(chord: SignatureDict, stamps: Stamps): Stamps | undefined;
  /** @default `onGroupEnd`, with the header as a group */
  onChordHeaderEnd?(chord: SignatureDict, stamps: Stamps): void;
  /** Before the body itself is visited. */
  onChordBody?(chord: SignatureDict, stamps: Stamps): Stamps | undefined;
  /** Before a callback itself is visited. */
  onCallback?(callback: SignatureDict, stamps: Stamps): Stamps | undefined;
  /** Before an errback itself is visited. */
  onErrback?(errback: SignatureDict, stamps: Stamps): Stamps | undefined;
}

export interface StampOptions {
  /** Whether a stamp that is there already has a list of both values then; otherwise it has the new one. @default false */
  readonly append?: boolean;
}

/** Throws CanvasError for a stamp with an option's name. */
export function stamped(
  dict: SignatureDict,
  given: Stamps | StampingVisitor,
  { append = false }: StampOptions = {},
): SignatureDict {
  const visitor = isVisitor(given) ? given : NOBODY;
  return new Stamping(visitor, append).of(dict, isVisitor(given) ? {} : given);
}

const NOBODY: StampingVisitor = { onSignature: () => undefined };

function isVisitor(given: Stamps | StampingVisitor): given is StampingVisitor {
  return typeof given["onSignature" as keyof typeof given] === "function";
}

class Stamping {
  readonly #visitor: StampingVisitor;
  readonly #append: boolean;

  constructor(visitor: StampingVisitor, append: boolean) {
    this.#visitor = visitor;
    this.#append = append;
  }

  of(dict: SignatureDict, stamps: Stamps): SignatureDict {
    switch (dict.subtask_type) {
      case "chain":
        return this.#chain(dict, stamps);
      case "group":
        return this.#group(dict, stamps);
      case "chord":
        return this.#chord(dict, stamps);
      default:
        return this.#task(dict, stamps);
    }
  }

  #task(dict: SignatureDict, given: Stamps): SignatureDict {
    const more = this.#with(given, this.#visitor.onSignature(dict, given));
    const all = mergedStamps(more, stampsIn(dict.options), this.#append);
    refuseOptionNames(all, WIRE_OPTION_NAMES);
    const linked = this.#links(dict, given);
    return Object.keys(all).length === 0 ? linked : withOptions(linked, stampsToWire(all));
  }

  #chain(dict: SignatureDict, given: Stamps): SignatureDict {
    const stamps = this.#with(given, this.#visitor.onChainStart?.(dict, given));
    const linked = this.#links(dict, stamps);
    const chain = withTasks(linked, this.#each(tasksOf(linked), stamps));
    this.#visitor.onChainEnd?.(chain, stamps);
    return chain;
  }

  #group(dict: SignatureDict, given: Stamps): SignatureDict {
    const stamps = this.#with(given, this.#visitor.onGroupStart?.(dict, given));
    const linked = this.#links(dict, stamps);
    const group = withTasks(linked, this.#each(tasksOf(linked), stamps));
    this.#visitor.onGroupEnd?.(group, stamps);
    return group;
  }

  #chord(dict: SignatureDict, given: Stamps): SignatureDict {
    const visitor = this.#visitor;
    const start =
      visitor.onChordHeaderStart === undefined
        ? visitor.onGroupStart?.(groupDict(headerOf(dict)), given)
        : visitor.onChordHeaderStart(dict, given);
    const stamps = this.#with(given, start);
    const linked = this.#links(dict, stamps);
    const chord = withHeader(linked, this.#each(headerOf(linked), stamps));
    if (visitor.onChordHeaderEnd === undefined) visitor.onGroupEnd?.(groupDict(headerOf(chord)), stamps);
    else visitor.onChordHeaderEnd(chord, stamps);
    const bodys = this.#with(stamps, visitor.onChordBody?.(chord, stamps));
    return withBody(chord, this.of(bodyOf(chord), bodys));
  }

  /** Callbacks and errbacks have no stamps of the task that they belong to but those that it is given. */
  #links(dict: SignatureDict, stamps: Stamps): SignatureDict {
    const { link, link_error: linkError } = dict.options;
    const callbacks = signaturesFrom(link, "link").map((callback) =>
      this.of(callback, this.#with(stamps, this.#visitor.onCallback?.(callback, stamps))),
    );
    const errbacks = signaturesFrom(linkError, "link_error").map((errback) =>
      this.of(errback, this.#with(stamps, this.#visitor.onErrback?.(errback, stamps))),
    );
    return withOptions(dict, {
      ...(callbacks.length === 0 ? {} : { link: callbacks }),
      ...(errbacks.length === 0 ? {} : { link_error: errbacks }),
    });
  }

  #each(dicts: readonly SignatureDict[], stamps: Stamps): readonly SignatureDict[] {
    return dicts.map((dict) => this.of(dict, stamps));
  }

  #with(stamps: Stamps, more: Stamps | undefined): Stamps {
    return more === undefined ? stamps : mergedStamps(stamps, more, this.#append);
  }
}

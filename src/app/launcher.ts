import { randomUUID } from "node:crypto";
import type { ResultNode } from "../backend/groups.ts";
import { CanvasParts } from "../canvas/canvas-parts.ts";
import { freeze } from "../canvas/freeze.ts";
import { launch, type Launch, type Lead } from "../canvas/launch.ts";
import { withReplyTo } from "../canvas/reply-to.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { requireSendable } from "./canvas-size.ts";
import type { CanvasLibrary } from "./canvas-library.ts";
import type { ResolvedConfig } from "./config.ts";

export interface LauncherOptions {
  readonly config: ResolvedConfig;
  /** Where what follows messages is found; undefined where nothing is ever stored. */
  readonly library: CanvasLibrary | undefined;
  /** The queue that a call goes to, if it is of a task that has its body here: whoever takes it from there knows stored canvases. */
  readonly ownQueueOf: (call: SignatureDict) => string | undefined;
}

/** What signatures send when they start, and what is to be stored before. */
export interface Launched extends Launch {
  readonly stored: readonly { readonly id: string; readonly parts: readonly string[] }[];
  /** One for each signature. */
  readonly results: readonly ResultNode[];
}

/**
 * Starts signatures. What follows their messages is stored, and only named in them, where it is long, results are kept, and whoever gets the messages is sure to
 * know what is meant: else they carry it, as Celery's do.
 */
export class Launcher {
  readonly #options: LauncherOptions;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /**
   * `replyTo` is where results are sent to; undefined where they are kept. Rejects with UnreadableMessageError, CanvasLostError and
   * CanvasTooLargeError.
   */
  async launch(dicts: readonly SignatureDict[], newId: () => string, replyTo?: string): Promise<Launched> {
    const opened = replyTo === undefined ? await Promise.all(dicts.map((dict) => this.#opened(dict))) : dicts;
    const frozen = opened.flatMap((dict) => freeze(dict, { newId }) ?? []);
    const launches = frozen.map(({ signature }) =>
      replyTo === undefined ? this.#shortLaunch(signature) : { ...launch(withReplyTo(signature, replyTo)), stored: [] },
    );
    const leads = launches.flatMap((one) => one.leads);
    requireSendable(leads, this.#options.config.taskCanvasMaxBytes);
    return {
      leads,
      chords: launches.flatMap(({ chords }) => chords),
      stored: launches.flatMap(({ stored }) => stored),
      results: frozen.map(({ result }) => result),
    };
  }

  #shortLaunch(signature: SignatureDict): Launch & Pick<Launched, "stored"> {
    const long = launch(signature);
    const queue = this.#storageQueueOf(long.leads);
    if (queue === undefined) return { ...long, stored: [] };
    const id = randomUUID();
    const parts = new CanvasParts({ canvas: id, queue });
    const short = launch(parts.shortened(signature), (body) => parts.body(body));
    return { ...short, stored: parts.texts.length === 0 ? [] : [{ id, parts: parts.texts }] };
  }

  /** Where what follows the messages may be asked for; undefined where it is not to be stored. */
  #storageQueueOf(leads: readonly Lead[]): string | undefined {
    const { config, library, ownQueueOf } = this.#options;
    if (library === undefined || config.taskCanvasStorage === "never" || config.resultBackend === undefined)
      return undefined;
    if (!leads.some(({ call, chain }) => chain.length > 0 || "chord" in call.options)) return undefined;
    const queues = leads.map(({ call }) => ownQueueOf(call));
    return queues.includes(undefined) ? undefined : queues[0];
  }

  #opened(dict: SignatureDict): Promise<SignatureDict> {
    const { library } = this.#options;
    return library === undefined ? Promise.resolve(dict) : library.opened(dict);
  }
}

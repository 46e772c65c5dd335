import { lifeOf } from "../backend/chords.ts";
import type { StoredCanvas } from "../backend/canvases.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { bodyOf, tasksOf, withBody, withOptions, withTasks } from "../canvas/dicts.ts";
import { headerGroupOf } from "../canvas/parts.ts";
import { openedDict, storedStepsOf, wholeDict, type StoredSteps } from "../canvas/stored.ts";
import { decodeJson } from "../message/json.ts";
import { signatureFromDict, signaturesFrom } from "../message/signature-dict.ts";
import type { SignatureDict } from "../message/task-request.ts";
import type { ResolvedConfig } from "./config.ts";
import { CanvasLostError } from "./errors.ts";

export interface CanvasLibraryOptions {
  readonly config: ResolvedConfig;
  /** Undefined where no results are kept. */
  readonly backend: () => Promise<ResultBackend | undefined>;
}

/** Finds what signatures stand for. All methods reject with ResultBackendUnavailableError, and with UnreadableMessageError for what is no signature. */
export class CanvasLibrary {
  readonly #options: CanvasLibraryOptions;

  constructor(options: CanvasLibraryOptions) {
    this.#options = options;
  }

  /** What is to be saved. A message that starts later comes as much later to what follows it. */
  recordOf(id: string, parts: readonly string[], delayMs: number): StoredCanvas {
    const { resultExpires, resultChordDeadline = 0 } = this.#options.config;
    const life = { resultExpiresMs: resultExpires * 1000, deadlineMs: resultChordDeadline * 1000 + delayMs };
    return { id, parts, lifeMs: lifeOf(life) };
  }

  /** What starts where the signature is to start: itself, or the first step that it stands for, leading the others. Rejects with CanvasLostError. */
  async opened(dict: SignatureDict): Promise<SignatureDict> {
    let start = dict;
    for (let steps = storedStepsOf(start); steps !== undefined; steps = storedStepsOf(start)) {
      const [first] = (await this.#load({ ...steps, to: steps.from + 1 })) ?? [];
      if (first === undefined) throw new CanvasLostError(steps.canvas);
      start = openedDict(start, steps, first);
    }
    return start;
  }

  /** A signature with all that it leads to, as if nothing of it were stored. What is lost stands for itself, with its id. */
  async whole(dict: SignatureDict): Promise<SignatureDict> {
    const later = signaturesFrom(dict.options["chain"], "chain");
    if (later.length === 0) return this.#wholeWithin(dict);
    const chain = await this.wholes(later);
    return withOptions(await this.#wholeWithin(dict), { chain });
  }

  async wholes(dicts: readonly SignatureDict[]): Promise<readonly SignatureDict[]> {
    return Promise.all(dicts.map((dict) => this.whole(dict)));
  }

  async #wholeWithin(dict: SignatureDict): Promise<SignatureDict> {
    const stored = storedStepsOf(dict);
    if (stored !== undefined) {
      const steps = await this.#load(stored);
      return steps === undefined ? dict : wholeDict(dict, stored, await this.wholes(steps));
    }
    switch (dict.subtask_type) {
      case "chain":
      case "group":
        return withTasks(dict, await this.wholes(tasksOf(dict)));
      case "chord": {
        const header = headerGroupOf(dict);
        const members = withTasks(header, await this.wholes(tasksOf(header)));
        const body = await this.whole(bodyOf(dict));
        return withBody({ ...dict, kwargs: { ...dict.kwargs, header: members } }, body);
      }
      default:
        return dict;
    }
  }

  async #load({ canvas, from, to }: Omit<StoredSteps, "queue">): Promise<readonly SignatureDict[] | undefined> {
    const backend = await this.#options.backend();
    const texts = await backend?.canvases.load(canvas, from, to);
    if (texts?.length !== to - from) return undefined;
    return texts.map((text, index) => signatureFromDict(decodeJson(text), `canvas[${String(from + index)}]`));
  }
}

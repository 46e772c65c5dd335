import type { Random } from "../../../chaos/random.ts";
import { chain, chord, group, mapSteps, stepsWithin, task, type Canvas, type Fate, type Step } from "./canvas.ts";

export interface GenerateOptions {
  /** What may become of its tasks besides doing well. `replaced`: they become canvases that are generated, too. */
  readonly fates: readonly (Extract<Fate, string> | "replaced")[];
  /** Most composites that stand in each other. @default 4 */
  readonly depth?: number;
  /** Who may run a task. @default whoever the whole is sent to */
  readonly sides?: readonly Required<Step>["side"][];
}

/** Most members of a group, and steps of a chain. */
const MOST = 3;
/** Values hold all that came before them: of more tasks they grow too long to be looked at. */
const MOST_TASKS = 24;

/** A canvas, the same for the same state of `random`. */
export function generateCanvas(random: Random, options: GenerateOptions): Canvas {
  for (;;) {
    const generator = new Generator(random, options);
    const canvas = generator.withFates(generator.canvas(options.depth ?? 4));
    if (stepsWithin(canvas).length <= MOST_TASKS) return canvas;
  }
}

class Generator {
  readonly #random: Random;
  readonly #options: GenerateOptions;
  #tasks = 0;

  constructor(random: Random, options: GenerateOptions) {
    this.#random = random;
    this.#options = options;
  }

  canvas(depth: number): Canvas {
    if (depth === 0) return this.#task(depth);
    switch (this.#random.weighted({ task: 2, chain: 3, group: 2, chord: 3 })) {
      case "task":
        return this.#task(depth);
      case "chain":
        return chain(...this.#some(depth - 1), this.#end(depth - 1));
      case "group":
        return group(...this.#someOrNone(depth - 1));
      case "chord":
        return chord(this.#someOrNone(depth - 1), this.#end(depth - 1));
    }
  }

  /** Two in five do well throughout; in the others one task or two do not. */
  withFates(canvas: Canvas): Canvas {
    if (this.#chance(0.4)) return canvas;
    const share = (this.#chance(0.5) ? 1 : 2) / stepsWithin(canvas).length;
    return mapSteps(canvas, (step) => {
      const fate = this.#chance(share) ? this.#random.oneOf(this.#options.fates) : undefined;
      if (fate === undefined) return step;
      return { ...step, fate: fate === "replaced" ? { becomes: this.canvas(2) } : fate };
    });
  }

  /** Not nothing: who waited for that would have nobody to tell him. */
  #end(depth: number): Canvas {
    for (;;) {
      const canvas = this.canvas(depth);
      if (stepsWithin(canvas).length > 0) return canvas;
    }
  }

  #task(depth: number): Canvas {
    this.#tasks += 1;
    const name = `t${this.#tasks}`;
    const side = this.#random.oneOf(this.#options.sides ?? []);
    return task(name, {
      ...(side === undefined ? {} : { side }),
      ...(this.#chance(0.1) ? { immutable: true } : {}),
      ...(this.#chance(0.15) ? { errbacks: [`${name}-errback`] } : {}),
      ...(depth > 0 && this.#chance(0.1) ? { links: [this.#task(0)] } : {}),
    });
  }

  #someOrNone(depth: number): readonly Canvas[] {
    return this.#chance(0.1) ? [] : this.#some(depth);
  }

  #some(depth: number): readonly Canvas[] {
    const count = 1 + Math.floor(this.#random.next() * MOST);
    return Array.from({ length: count }, () => this.canvas(depth));
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }
}

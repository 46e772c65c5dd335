import { randomUUID } from "node:crypto";
import { eventually } from "../eventually.ts";
import type { PythonPeer } from "../python.ts";
import { Shop } from "../shop.ts";
import { build } from "./build.ts";
import { canvasText, type Canvas, type Side } from "./canvas.ts";
import { deviationsOfCelery } from "./celery.ts";
import { Journal } from "./journal.ts";
import { outcomeOf } from "./model.ts";
import { endsIn, idsOf, type Observed } from "./observed.ts";
import { defineCanvasTasks } from "./tasks.ts";

const PATIENCE = { timeoutMs: 60_000 };

/** How often in a row nothing must be seen to be left. */
const QUIET_LOOKS = 10;

/** A shop whose halves both run the tasks of canvases. */
export class CanvasShop implements AsyncDisposable {
  readonly shop: Shop;
  readonly #journal = new Journal();

  static async open(peer: PythonPeer, workers: readonly Side[]): Promise<CanvasShop> {
    const shop = await Shop.open({ peer, settings: { task_acks_late: true } });
    const opened = new CanvasShop(shop);
    if (workers.includes("python")) await shop.pythonWorker({ queues: ["python", "celery"] });
    if (workers.includes("typescript")) await shop.worker({ queues: ["typescript"] });
    return opened;
  }

  private constructor(shop: Shop) {
    this.shop = shop;
    defineCanvasTasks(shop.app, { journal: this.#journal });
  }

  /** Sends them all, each task that names no side to that one, and resolves with what came of each when nothing more can come. */
  async observe(
    canvases: readonly Canvas[],
    { sender, side }: { readonly sender: Side; readonly side: Side },
  ): Promise<readonly (readonly [Canvas, Observed])[]> {
    const sent = canvases.map((canvas) => [`${randomUUID()}.`, canvas] as const);
    if (sender === "python") await this.shop.python(`send(${pythonJson(Object.fromEntries(sent))}, "${side}")`);
    else
      await Promise.all(
        sent.map(([prefix, canvas]) => this.shop.app.send(build(this.shop.app, canvas, { prefix, side }))),
      );
    await this.#settled();
    return Promise.all(sent.map(async ([prefix, canvas]) => [canvas, await this.#observed(canvas, prefix)] as const));
  }

  /** What came otherwise than Celery defines, beyond what it does otherwise itself, a text for each canvas. */
  async deviationsOf(
    canvases: readonly Canvas[],
    where: { readonly sender: Side; readonly side: Side },
  ): Promise<readonly string[]> {
    const observed = await this.observe(canvases, where);
    return observed.flatMap(([canvas, came]) => {
      const found = deviationsOfCelery(outcomeOf(canvas), came);
      return found.length === 0 ? [] : [[canvasText(canvas), ...found].join("\n    ")];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shop[Symbol.asyncDispose]();
  }

  /** Kombu takes a message from its list before it notes that it is out: in between it is seen in neither. */
  async #settled(): Promise<void> {
    let quiet = 0;
    await eventually(async () => {
      const left = await this.shop.python("unsettled()");
      quiet = left === 0 ? quiet + 1 : 0;
      if (quiet < QUIET_LOOKS) throw new Error(`${String(left)} messages are not settled.`);
    }, PATIENCE);
  }

  async #observed(canvas: Canvas, prefix: string): Promise<Observed> {
    const backend = await this.shop.app.resultBackend();
    const ends = endsIn((await backend.fetch(idsOf(canvas, prefix))).values(), prefix);
    const { runs, errbacks } = this.#journal.of(prefix);
    const noted = (what: string): Promise<unknown> => this.shop.python(`noted("${prefix}", "${what}")`);
    return {
      runs: [...runs, ...((await noted("runs")) as Observed["runs"])],
      errbacks: [...errbacks, ...((await noted("errbacks")) as Observed["errbacks"])],
      ends,
    };
  }
}

function pythonJson(value: unknown): string {
  return `json.loads(${JSON.stringify(JSON.stringify(value))})`;
}

import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { Celeriac } from "celeriac";
import { eventually } from "../eventually.ts";
import { build } from "./build.ts";
import { canvasText, stepsWithin, type Canvas } from "./canvas.ts";
import { Journal } from "./journal.ts";
import { outcomeOf } from "./model.ts";
import { deviations, endsIn, idsOf, isSentOnAgain } from "./observed.ts";
import { defineCanvasTasks, type CanvasTasksOptions } from "./tasks.ts";

const PATIENCE = { timeoutMs: 20_000 };

/** Sends canvases of the model by an app, whose workers run them, and compares what comes of them. */
export class Canvases {
  readonly app: Celeriac;
  readonly journal: Journal = new Journal();

  constructor(app: Celeriac, options: Pick<CanvasTasksOptions, "die"> = {}) {
    this.app = app;
    defineCanvasTasks(app, { journal: this.journal, ...options });
  }

  /** Sends it; the prefix of its tasks' ids. */
  async send(canvas: Canvas): Promise<string> {
    const prefix = `${randomUUID()}.`;
    const revoked = stepsWithin(canvas).filter(({ fate }) => fate === "revoked");
    if (revoked.length > 0) await this.app.revoke(revoked.map(({ name }) => prefix + name));
    await this.app.send(build(this.app, canvas, { prefix, side: "typescript" }));
    return prefix;
  }

  /** What came otherwise than the model has it, of all of them, a text for each. Resolves when nothing more can come. */
  async deviationsOf(canvases: readonly Canvas[]): Promise<readonly string[]> {
    const sent = await Promise.all(canvases.map(async (canvas) => ({ canvas, prefix: await this.send(canvas) })));
    await this.settled();
    const all = await Promise.all(sent.map(({ canvas, prefix }) => this.deviations(canvas, prefix)));
    return all.flat();
  }

  /** Of one that was sent, and of which nothing more can come. */
  async deviations(canvas: Canvas, prefix: string): Promise<readonly string[]> {
    const backend = await this.app.resultBackend();
    const ends = endsIn((await backend.fetch(idsOf(canvas, prefix))).values(), prefix);
    const found = deviations(
      outcomeOf(canvas),
      { ...this.journal.of(prefix), ends },
      { counts: !isSentOnAgain(canvas) },
    );
    return found.length === 0 ? [] : [[canvasText(canvas), ...found].join("\n    ")];
  }

  /** Resolves once nothing waits and nothing is held. */
  async settled(): Promise<void> {
    const broker = await this.app.broker();
    const empty = { ready: 0, delayed: 0, unacked: 0 };
    await eventually(async () => expect(await broker.inspect("celery")).toMatchObject(empty), PATIENCE);
  }
}

import type { Celeriac, TaskContext } from "celeriac";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import { bearerOf, build, type Plan } from "./build.ts";
import { isAlone } from "./canvas.ts";
import type { Journal } from "./journal.ts";

class ValueError extends Error {}

/** How much later a message is delivered once more, in milliseconds. */
const AGAIN_MS = 100;

export interface CanvasTasksOptions {
  readonly journal: Pick<Journal, "run" | "heard">;
  /** Called by a task in whose first run the worker is to die, with the prefix of its id. Never resolves. */
  readonly die?: (prefix: string) => Promise<never>;
}

/** Defines the tasks that canvases of the model are made of. */
export function defineCanvasTasks(app: Celeriac, { journal, die }: CanvasTasksOptions): void {
  app.task("typescript.say", { bind: true }, async (context: TaskContext, ...given: readonly unknown[]) => {
    const args = given.slice(0, -1);
    const plan = given.at(-1) as Plan;
    const { name, fate, prefix } = plan;
    const earlier = journal.run(prefix, { name, args });
    if (fate === "fails") throw new ValueError(name);
    if (fate === "retried" && context.retries === 0) throw context.retry({ delayMs: 0 });
    if (fate === "killed" && earlier === 0) await die?.(prefix);
    if (fate === "redelivered" && earlier === 0) await deliverAgain(app, context);
    if (!isAlone(fate)) {
      if ("becomes" in fate) throw context.replace(build(app, fate.becomes, plan, bearerOf(fate.becomes)));
      context.addToChord(build(app, fate.adds, plan));
    }
    return [name, ...args];
  });
  app.task("typescript.heard", { bind: true }, (_, failed: string, { name, prefix }: Plan) => {
    journal.heard(prefix, { name, failed: failed.slice(prefix.length) });
  });
}

/** As a broker does whose acknowledgement was lost. */
async function deliverAgain(app: Celeriac, { request, delivery }: TaskContext): Promise<void> {
  const again = { ...request, eta: new Date(Date.now() + AGAIN_MS) };
  const broker = await app.broker();
  await broker.publish([{ message: encodeTask(again), route: { exchange: "", routingKey: delivery.queue } }]);
}

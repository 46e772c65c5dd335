import { setTimeout as sleep } from "node:timers/promises";
import type { Celeriac } from "../../src/app/celeriac.ts";
import { Ignore, Reject } from "../../src/app/steering.ts";
import { groupNode, taskNode } from "./canvas-results.ts";

class ValueError extends Error {}

/** What only this shop throws. */
class OwnError extends Error {}

/** Defines the tasks of the TypeScript half of the shop, and returns the list to which `typescript.echo` adds what it is given. */
export function defineShopTasks(app: Celeriac): readonly unknown[] {
  const received: unknown[] = [];
  app.task("typescript.add", { params: ["x", "y?"] }, (x: number, y?: number) => x + (y ?? 0));
  app.task("typescript.echo", (value: unknown) => {
    received.push(value);
    return value;
  });
  app.task("typescript.started", { bind: true }, async (context, seconds?: number) => {
    const began = Date.now();
    context.progress("begun");
    await sleep((seconds ?? 0) * 1000, undefined, { signal: context.signal });
    return began / 1000;
  });
  app.task("typescript.request", { bind: true }, ({ request, delivery }) => ({
    id: request.id,
    root: request.rootId,
    parent: request.parentId,
    retries: request.retries,
    group: request.groupId,
    origin: request.origin,
    tenant: request.headers["tenant"],
    priority: delivery.priority,
    queue: delivery.queue,
    argsrepr: request.argsRepr,
  }));
  app.task("typescript.fail", (kind: string) => {
    throw FAILURES[kind]?.();
  });
  app.task("typescript.ask", async (task: string, ...args: readonly unknown[]) =>
    (await app.sendTask(task, { args })).get(),
  );
  app.task("typescript.ignore", { bind: true }, (context) => {
    context.progress("here");
    throw new Ignore();
  });
  app.task("typescript.reject", () => {
    throw new Reject("not mine");
  });
  app.task("typescript.slow", { bind: true, softTimeLimitMs: 100 }, async ({ signal }) => {
    await sleep(20_000, undefined, { signal }).catch(() => signal.throwIfAborted());
  });
  app.task("typescript.delegate", async () => (await app.sendTask("python.request")).id);
  app.task("typescript.promise", async (...numbers: readonly number[]) => {
    const sent = await Promise.all(numbers.map((number) => app.sendTask("python.add", { args: [number] })));
    const members = sent.map(({ id }) => taskNode(id));
    return sent.length > 1 ? app.resultOf(groupNode("promised", members)) : sent[0];
  });
  app.task("typescript.flaky", { bind: true }, (context, times: number, delayMs: number) => {
    if (context.retries < times) throw context.retry({ delayMs, error: new OwnError("not yet") });
    return context.retries;
  });
  app.task("both.where", () => "typescript");
  app.task("both.hold", { bind: true }, async (context) => {
    context.progress("begun");
    await sleep(20_000, undefined, { signal: context.signal });
  });
  app.task("both.wander", { bind: true }, (context, ...stations: readonly string[]) => {
    const queue = stations[context.retries];
    if (queue !== undefined) throw context.retry({ delayMs: 100, queue });
    return ["typescript", context.retries];
  });
  return received;
}

const FAILURES: Readonly<Record<string, () => unknown>> = {
  TypeError: () => new TypeError("no such thing"),
  ValueError: () => new ValueError("too far"),
  OwnError: () => new OwnError("mine"),
  text: () => "just text",
  empty: () => new RangeError(),
};

/**
 * The app that is shot at. Its processes are told by the environment where its broker is (`CELERY_BROKER_URL`) and where its journal
 * (`CHAOS_JOURNAL`).
 */
import { randomUUID } from "node:crypto";
import { devNull } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { Celeriac, type Signature, type TaskContext } from "celeriac";
import { Journal, type Run } from "./journal.ts";

const CHILDREN = 2;

const journal = new Journal(process.env["CHAOS_JOURNAL"] ?? devNull);

/** A send may wait for a file that a frozen process keeps locked, or for a server that is away, and a message may meet any number of shots. */
export const app: Celeriac = new Celeriac({ taskPublishTimeoutMs: 15_000, workerMaxDeliveries: null });

const nap = app.task("nap", { bind: true }, (ctx, ms: number) => recorded(ctx, () => sleep(ms)));

const spin = app.task("spin", { bind: true }, (ctx, ms: number) =>
  recorded(ctx, () => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  }),
);

/** Asks for another run `times` times. */
const stumble = app.task("stumble", { bind: true, maxRetries: null }, (ctx, times: number, delayMs: number) =>
  recorded(ctx, async () => {
    await sleep(5);
    if (ctx.retries >= times) return;
    journal.write({ ...runOf(ctx), what: "retried" });
    throw ctx.retry({ delayMs });
  }),
);

const beget = app.task("beget", { bind: true }, (ctx) =>
  recorded(ctx, async () => {
    for (let i = 0; i < CHILDREN; i += 1) await send(nap.s(5));
  }),
);

/** Ends whatever it runs in, the first time that it is handed out. */
const crash = app.task("crash", { bind: true }, (ctx) =>
  recorded(ctx, async () => {
    await sleep(20);
    if (ctx.delivery.deliveries > 1) return;
    journal.write({ ...runOf(ctx), what: "crashed", takes: isMainThread ? "process" : "run" });
    process.exit(9);
  }),
);

/** How to make a call of each kind, with a number from 0 to 1 that says how long it takes. */
export const KINDS = {
  brief: (size: number) => nap.s(size * 10),
  /** Longer than any visibility timeout of a mixed fleet: see celery_app.py. */
  lasting: (size: number) => nap.s(8_000 + size * 7_000),
  long: (size: number) => nap.s(200 + size * 1_300),
  busy: (size: number) => spin.s(20 + size * 300),
  retried: (size: number) => stumble.s(1 + Math.round(size), 100 + size * 2_000),
  delayed: (size: number) => nap.s(5).set({ countdownMs: 500 + size * 5_000 }),
  parent: () => beget.s(),
  crashing: () => crash.s(),
} satisfies Readonly<Record<string, (size: number) => Signature>>;

/** Sends the call and keeps account of it. Never rejects. */
export async function send(call: Signature): Promise<void> {
  const id = randomUUID();
  const at = Date.now();
  journal.write({ id, at, what: "sending", dueAt: at + Math.floor(call.options.countdownMs ?? 0) });
  const what = await app.sendBatch([call.set({ taskId: id })]).then(
    () => "sent" as const,
    () => "refused" as const,
  );
  journal.write({ id, at: Date.now(), what });
}

async function recorded(ctx: TaskContext, body: () => Promise<void> | void): Promise<string> {
  journal.write({ ...runOf(ctx), what: "begun" });
  await body();
  journal.write({ ...runOf(ctx), what: "ended" });
  return ctx.id;
}

function runOf({ id, retries, delivery }: TaskContext): Run & { readonly id: string; readonly at: number } {
  const { deliveries } = delivery;
  return { id, at: Date.now(), retries, deliveries, pid: process.pid, parent: process.ppid };
}

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { Celeriac } from "../../../app/celeriac.ts";
import { Ignore, Reject, type RetryOptions } from "../../../app/steering.ts";
import type { TaskContext } from "../../../app/task-context.ts";
import { systemClock } from "../../../util/clock.ts";
import { endOfTurn } from "../../../util/end-of-turn.ts";

/** Where this module runs: another one in each child. */
const PLACE = randomUUID();
const BEAT_MS = 10;
/** How long a commit takes, in milliseconds, where the name of the journal's file ends so. */
const COMMIT_MS = new Map([
  ["-slow", 800],
  ["-stuck", 86_400_000],
]);
/** How long a place that dies hears nothing before, in milliseconds. */
const LAST_BREATH_MS = 200;

/** The app whose tasks `exercisePool` runs. Children of a pool import this module anew. */
export const app: Celeriac = new Celeriac({ broker: "memory:" }, { env: {} });

/** Notes its steps in the file that the call's header `journal` names, if any. */
app.resource("journal", {
  acquire: ({ headers }) => new Journal(headers["journal"]),
  commit: async (journal) => {
    journal.note("commit begins");
    await systemClock.sleep(journal.commitMs);
    journal.note("committed");
  },
  rollback: (journal) => journal.note("rolled back"),
});

class Journal {
  readonly #path: unknown;
  readonly commitMs: number;

  constructor(path: unknown) {
    this.#path = path;
    const [ending = ""] = /-(slow|stuck)$/.exec(String(path)) ?? [];
    this.commitMs = COMMIT_MS.get(ending) ?? 0;
  }

  note(what: string): void {
    if (typeof this.#path === "string") appendFileSync(this.#path, `${what}\n`);
  }
}

const ping = app.task("ping", () => "pong");

app.task("echo", (value: unknown) => value);
app.task("place", () => PLACE);
app.task("fail", (message: string) => {
  throw new RangeError(message);
});
app.task("unsendable", () => () => "functions have no JSON form");
app.task("retry", { bind: true }, (ctx: TaskContext, options: RetryOptions) => {
  throw ctx.retry({ ...options, error: new Error("not yet") });
});
app.task("retryWithNonsense", { bind: true }, (ctx: TaskContext) => {
  throw ctx.retry({ args: [() => undefined] });
});
app.task("ignore", () => {
  throw new Ignore();
});
app.task("reject", (requeue: boolean) => {
  throw new Reject("not for me", { requeue });
});
app.task("progress", { bind: true }, async (ctx: TaskContext, ...values: unknown[]) => {
  for (const value of values) ctx.progress(value);
  await systemClock.sleep(0);
  return values.length;
});
app.task("send", async () => (await ping.delay()).id);
app.task("log", { bind: true }, (ctx: TaskContext, text: string) => {
  ctx.log.info(text, { number: 1, nested: { list: [1, 2] }, odd: () => undefined });
});
app.task("print", (stdout: string, stderr: string) => {
  process.stdout.write(`${stdout}\n`);
  process.stderr.write(`${stderr}\n`);
});
app.task("tellMe", { bind: true }, ({ id, task, delivery, fence, headers }: TaskContext) => {
  return { id, task, queue: delivery.queue, deliveries: delivery.deliveries, fence, headers };
});

/** Waits for its signal, and tells why it came. */
app.task("cleanUp", { bind: true }, async (ctx: TaskContext) => {
  if (!ctx.signal.aborted) await once(ctx.signal, "abort");
  const { name, message } = ctx.signal.reason as Error;
  ctx.progress("cleaned up");
  return `${name}: ${message}`;
});
/** As if it did not hear of its signal, which it lets its journal know. */
app.task("goOn", { bind: true }, (ctx: TaskContext & { readonly journal?: Journal }) => {
  ctx.signal.addEventListener("abort", () => ctx.journal?.note("told"));
  return new Promise<never>(() => undefined);
});
app.task("never", () => new Promise<never>(() => undefined));
/** Writes to a file again and again, until it is told to stop. */
app.task("beat", { bind: true }, (ctx: TaskContext, path: string) => beat(path, ctx.signal));
app.task("beatForEver", (path: string) => beat(path, new AbortController().signal));

async function beat(path: string, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    appendFileSync(path, ".");
    await systemClock.sleep(BEAT_MS);
  }
}

app.task("sleep", (ms: number) => systemClock.sleep(ms));
app.task("commit", { bind: true }, () => "to be committed");
app.task("spin", () => {
  for (;;);
});

app.task("leaveAlone", async (message: string) => {
  void Promise.reject(new Error(message));
  await systemClock.sleep(20);
  return "done";
});
/** Answers, and then dies of what it left behind, before it can hear of another job. */
app.task("dieAfter", () => {
  void endOfTurn().then(() => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_BREATH_MS);
    process.exit(1);
  });
  return "answered";
});

/** A task that is likely to end its place. The file gets a dot for each run. */
function deadlyTask(name: string, body: (...args: never[]) => unknown): void {
  app.task(name, (runs: string, ...args: never[]) => {
    appendFileSync(runs, ".");
    return body(...args);
  });
}

deadlyTask("exit", (code: number) => process.exit(code));
deadlyTask("abort", () => process.abort());
deadlyTask("kill", async (signal: NodeJS.Signals) => {
  process.kill(process.pid, signal);
  await systemClock.sleep(300);
  return "alive";
});
deadlyTask("throwUncaught", (message: string) => {
  process.nextTick(() => {
    throw new Error(message);
  });
  return new Promise<never>(() => undefined);
});
deadlyTask("fillMemory", async () => {
  const filling: unknown[] = [];
  for (;;) {
    filling.push(new Array<number>(1_000_000).fill(0.5));
    await systemClock.sleep(0);
  }
});

const kept: unknown[] = [];
/** Makes this place have so many megabytes more. */
app.task("grow", (megabytes: number) => {
  kept.push(Buffer.alloc(megabytes * 1024 * 1024, 1));
  return PLACE;
});

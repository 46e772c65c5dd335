import { once } from "node:events";
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { Celeriac, type CeleriacConfig, Reject, type TaskContext } from "celeriac";
import type { Logger } from "../../src/util/logger.ts";

/** The variable that tells a worker's process, and the children of its pool, which app to make: a Place as JSON. */
export const PLACE_VARIABLE = "POOLED_APP_PLACE";

/** While a file of this name is in the place's directory, the app's module cannot be imported. */
export const BROKEN = "broken";

/** Where an app works, and how. Data, since processes hand it on. */
export interface Place {
  /** Has the app's journal, and the gates that tasks wait at. */
  readonly directory: string;
  /** Of its broker and result backend. @default a database in the directory */
  readonly url?: string | undefined;
  readonly config?: CeleriacConfig;
  /** Tasks that this app does not know. */
  readonly leavesOut?: readonly string[];
}

const POLL_MS = 10;
const MEGABYTE = 1024 * 1024;

/** What a run may bring upon the thread or process that it is in. */
export type Death = "exit" | "abort" | "kill" | "memory" | "exception";

/** An error that the app's retry policy is about. */
class Flaky extends Error {
  override readonly name = "Flaky";
}

/** The app whose tasks are shown in every pool. They tell what they do in the journal, one line for each step. */
export function makePooledApp({ directory, url, config = {}, leavesOut = [] }: Place, log?: Logger): Celeriac {
  const store = url ?? `sqlite:${join(directory, "test.db")}`;
  const taskRetryPolicy = { autoretryFor: [Flaky], retryDelayMs: 0 };
  const defaults: CeleriacConfig = {
    broker: store,
    resultBackend: store,
    brokerTransportOptions: { leaseTimeout: 2 },
    taskRetryPolicy,
  };
  const app = new Celeriac({ ...defaults, ...config }, { env: {}, ...(log === undefined ? {} : { log }) });
  const note: Note = (what) => appendFileSync(join(directory, "journal"), `${what}\n`);
  const isOpen: IsOpen = (gate) => existsSync(join(directory, gate));
  defineOrdinaryTasks(app, note, isOpen);
  defineTasksThatOutlast(app, note, isOpen);
  defineTasksThatDie(app, note);
  if (!leavesOut.includes("later")) app.task("later", () => "ran");
  return app;
}

type Note = (what: string) => void;
/** Whether tasks may go on that wait at that gate. */
type IsOpen = (gate: string) => boolean;

function defineOrdinaryTasks(base: Celeriac, note: Note, isOpen: IsOpen): void {
  const passing = async (gate: string): Promise<void> => {
    while (!isOpen(gate)) await sleep(POLL_MS);
  };
  const app = base.resource("book", {
    acquire:
      ({ task }) =>
      (what: string) =>
        task.startsWith("book") ? note(what) : undefined,
    commit: (write) => write("committed"),
    rollback: (write, error) => write(`rolled back: ${(error as Error).name}`),
    release: (write) => write("released"),
  });
  app.task("bookWell", { bind: true }, (ctx) => ctx.book("wrote"));
  app.task("bookBadly", { bind: true }, (ctx) => {
    ctx.book("wrote");
    throw new RangeError("no");
  });

  app.task("echo", (value: unknown) => value);
  app.task("place", () => `${String(process.pid)}/${String(threadId)}`);
  app.task("fail", (message: string) => {
    throw new RangeError(message);
  });
  app.task("askAgain", { bind: true }, (ctx: TaskContext) => {
    if (ctx.retries < 2) throw ctx.retry({ delayMs: 0 });
    return ctx.retries;
  });
  app.task("flaky", { bind: true }, (ctx: TaskContext, failures: number) => {
    if (ctx.retries < failures) throw new Flaky(`failure ${String(ctx.retries + 1)}`);
    return ctx.retries;
  });
  app.task("backOff", { bind: true, retryBackoffMs: 100, retryJitter: false }, (ctx: TaskContext) => {
    note(`backed off until ${String(Date.now())}`);
    if (ctx.retries < 2) throw new Flaky("busy");
  });
  app.task("time", () => Date.now());
  app.task("hold", async (name: string) => {
    note(`${name} runs`);
    await passing(name);
    note(`${name} is done`);
    return name;
  });
  app.task("report", { bind: true }, async (ctx: TaskContext) => {
    ctx.progress({ done: 1 });
    await passing("reported");
    return "done";
  });
  app.task("family", { bind: true }, ({ rootId, parentId }: TaskContext) => [rootId, parentId]);
  app.task("parent", async () => (await app.sendTask("family")).id);
  app.task("log", { bind: true }, (ctx: TaskContext, text: string) => ctx.log.warn(text, { number: 1 }));
  app.task("print", (text: string) => console.log(text));
  app.task("alone", { concurrency: { key: "alone" } }, async () => {
    note("in");
    await sleep(2 * POLL_MS);
    note("out");
  });
  app.task("only", { unique: {} }, async (name: string) => {
    note(`${name} runs`);
    await passing(name);
  });
  app.task("fence", { bind: true }, (ctx: TaskContext) => {
    note(`fence ${String(ctx.fence)}`);
    if (ctx.delivery.deliveries === 1) throw new Reject("again", { requeue: true });
    if (ctx.retries === 0) throw ctx.retry({ delayMs: 0 });
  });
  app.task("refuse", { bind: true }, (ctx: TaskContext) => {
    throw new Reject(`attempt ${String(ctx.delivery.deliveries)}`, { requeue: true });
  });
}

/** What does not end by itself, or not soon. */
function defineTasksThatOutlast(app: Celeriac, note: Note, isOpen: IsOpen): void {
  app.task("never", (name: string) => {
    note(`${name} runs`);
    return new Promise<never>(() => undefined);
  });
  app.task("cleanUp", { bind: true }, async (ctx: TaskContext, name: string) => {
    note(`${name} runs`);
    if (!ctx.signal.aborted) await once(ctx.signal, "abort");
    note(`${name} cleaned up`);
    return (ctx.signal.reason as Error).name;
  });
  app.task("ignoreSignal", { bind: true }, (ctx: TaskContext, name: string) => {
    note(`${name} runs`);
    ctx.signal.addEventListener("abort", () => note(`${name} was told`));
    return new Promise<never>(() => undefined);
  });
  /** Does not yield before its time is over, or its gate is open where it has no time. */
  const spin = async (name: string, ms: number | null): Promise<string> => {
    note(`${name} runs`);
    const end = Date.now() + (ms ?? 0);
    while (ms === null ? !isOpen(name) : Date.now() < end);
    await sleep(0); // counts from before the loop
    await sleep(0);
    note(`${name} is done`);
    return name;
  };
  app.task("spin", spin);
  app.task("spinAlone", { concurrency: { key: "spin" }, unique: {} }, spin);
}

const kept: unknown[] = [];

function defineTasksThatDie(app: Celeriac, note: Note): void {
  /** By another of these deaths in each delivery. */
  const die = ({ delivery }: TaskContext, ...deaths: readonly Death[]): Promise<never> => {
    const death = deaths[delivery.deliveries - 1] ?? "exit";
    note(`${death} runs`);
    return DEATHS[death]();
  };
  app.task("die", { bind: true }, die);
  app.task("dieEarly", { bind: true, acksLate: false }, die);
  app.task("leaveAlone", async () => {
    void Promise.reject(new Error("left alone"));
    await sleep(2 * POLL_MS);
    return "done";
  });
  app.task("grow", (megabytes: number) => {
    kept.push(Buffer.alloc(megabytes * MEGABYTE, 1));
    return `${String(process.pid)}/${String(threadId)}`;
  });
}

const DEATHS: Readonly<Record<Death, () => Promise<never>>> = {
  exit: () => process.exit(7),
  abort: () => process.abort(),
  /** As the kernel does when the machine has no memory left. */
  kill: () => {
    process.kill(process.pid, "SIGKILL");
    return new Promise(() => undefined);
  },
  exception: () => {
    process.nextTick(() => {
      throw new Error("nobody catches this");
    });
    return new Promise(() => undefined);
  },
  memory: async () => {
    for (;;) {
      for (let count = 0; count < 1_000; count += 1) kept.push(Array.from({ length: 1_000 }, Math.random));
      await sleep(0);
    }
  },
};

/**
 * A vitest setup file: fails a test file that leaves a timer, socket, server, child process or thread behind when its
 * tests and hooks are through. What was unref'd does not count: it keeps no process alive.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll } from "vitest";

/** How long what is being closed may take, in milliseconds. */
const PATIENCE_MS = 3000;

/** Node's names of what counts. File reads, look-ups and the like end by themselves; timers are told apart below. */
const WATCHED = new Set([
  "FSEventWrap",
  "MessagePort",
  "PipeServerWrap",
  "PipeWrap",
  "ProcessWrap",
  "StatWatcher",
  "TCPServerWrap",
  "TCPSocketWrap",
  "UDPWrap",
]);

const timers = watchTimers();
const threads = watchThreads();
let before: ReadonlyMap<string, number> = new Map();

beforeAll(() => {
  before = resources();
});

// The hooks of setup files are the outermost: this one runs after those of the test file.
afterAll(async () => {
  const deadline = performance.now() + PATIENCE_MS;
  let leaked: readonly string[];
  do {
    await sleep(10);
    leaked = leftBehind();
  } while (leaked.length > 0 && performance.now() < deadline);
  if (leaked.length > 0) throw new Error(`This test file leaves behind:\n${leaked.join("\n")}`);
}, PATIENCE_MS * 2);

function leftBehind(): readonly string[] {
  const more = [...resources()].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const);
  return [
    ...more.filter(([, count]) => count > 0).map(([kind, count]) => `${count} × ${kind}`),
    ...[...threads].map((thread) => `worker thread ${thread.threadId}`),
    ...[...timers].filter(([timer]) => isPending(timer)).map(([, origin]) => `a timer set ${origin}`),
  ];
}

/** How many of each watched kind keep this process alive now. */
function resources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo().filter((name) => WATCHED.has(name))) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function watchThreads(): ReadonlySet<Worker> {
  const alive = new Set<Worker>();
  process.on("worker", (worker) => {
    alive.add(worker);
    worker.once("exit", () => alive.delete(worker));
  });
  return alive;
}

/**
 * Timers that were set through the globals, with the place in the code. Vitest keeps the original functions for its own,
 * which come and go at any time and are nobody's leak.
 */
function watchTimers(): ReadonlyMap<NodeJS.Timeout, string> {
  const seen = new Map<NodeJS.Timeout, string>();
  for (const name of ["setTimeout", "setInterval"] as const) {
    const original = globalThis[name] as (...args: readonly unknown[]) => NodeJS.Timeout;
    const watched = (...args: readonly unknown[]): NodeJS.Timeout => {
      const timer = original(...args);
      if (seen.size % 1000 === 999) for (const old of seen.keys()) if (!isPending(old)) seen.delete(old);
      seen.set(timer, callSite());
      return timer;
    };
    // The properties too: one of them makes `util.promisify(setTimeout)` work.
    const properties = Object.getOwnPropertyDescriptors(original);
    Object.assign(globalThis, { [name]: Object.defineProperties(watched, properties) });
  }
  return seen;
}

function callSite(): string {
  return new Error().stack?.split("\n")[3]?.trim() ?? "somewhere";
}

function isPending(timer: NodeJS.Timeout): boolean {
  const { _destroyed } = timer as unknown as { readonly _destroyed: boolean };
  return !_destroyed && timer.hasRef();
}

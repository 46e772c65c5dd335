import { execFileSync } from "node:child_process";
import type { Worker as Thread } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openTestBed, TEST_BEDS, type TestBed } from "../support/test-apps.ts";

const NODE = "celeriac@here";
const PATIENCE = { timeoutMs: 20_000 };

describe.each(TEST_BEDS)("a worker's liveness on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => (bed = await openTestBed(bedName)));
  afterEach(() => bed[Symbol.asyncDispose]());

  it("is told by the event loop while that turns", async () => {
    await bed.worker(bed.app(), { hostname: NODE, concurrency: 3, livenessThread: true });
    const { control } = bed.app();
    await eventually(async () => {
      const answers = await control.ask("ping", { liveness: true }, { destination: [NODE] });
      const liveness = expect.objectContaining({ state: "up", capacity: 3, answered_by: "event loop" }) as unknown;
      expect(answers.get(NODE)).toEqual({ ok: "pong", liveness });
    }, PATIENCE);
    expect((await control.ask("ping", {}, { destination: [NODE] })).get(NODE)).toEqual({ ok: "pong" });
  });

  it("is served over HTTP while it lives, also while its event loop is blocked", async () => {
    const worker = await bed.worker(bed.app(), { health: { port: 0 }, livenessThread: true });
    const url = worker.healthUrl ?? "";
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await eventually(async () => expect((await fetch(`${url}/ready`)).status).toBe(200), PATIENCE);
    expect(askWhileBlocked(`${url}/ready`)).toMatchObject({ ready: false, why: "event loop blocked", state: "wedged" });
    await worker.stop();
    await expect(fetch(`${url}/live`)).rejects.toThrow();
  });

  it("is nothing that a worker needs: it goes on without the thread, which is replaced", async () => {
    const threads: Thread[] = [];
    const note = (thread: Thread): unknown => threads.push(thread);
    process.on("worker", note);
    const app = bed.app();
    const double = app.task("double", (x: number) => 2 * x);
    const worker = await bed.worker(app, { health: { port: 0 }, livenessThread: true });
    const url = `${String(worker.healthUrl)}/live`;
    await Promise.all(threads.map((thread) => thread.terminate()));
    expect(await (await double.delay(4)).get(PATIENCE)).toBe(8);
    const said = "the thread that tells of the worker has ended, and is replaced";
    expect(bed.log.filter(({ message }) => message === said)).toHaveLength(1);
    await eventually(async () => expect((await fetch(url)).status).toBe(200), PATIENCE);
    process.off("worker", note);
  });
});

/** What another process hears while this one waits for it, and does nothing else. */
function askWhileBlocked(url: string): unknown {
  const program = `setTimeout(async () => console.log(await (await fetch(${JSON.stringify(url)})).text()), 1_500)`;
  return JSON.parse(execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }));
}

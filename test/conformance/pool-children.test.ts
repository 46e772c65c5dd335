import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { Ending } from "../../src/util/ending.ts";
import { PoolStartError } from "../../src/pool/errors.ts";
import type { Pool } from "../../src/pool/pool.ts";
import { PoolStage, start, type PoolWanted } from "../../src/testing/conformance/pool/stage.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { systemClock } from "../../src/util/clock.ts";
import { Celeriac } from "celeriac";
import { makePool, type PoolPlan } from "../../src/worker/make-pool.ts";
import { Child } from "../support/child-process.ts";
import { eventually } from "../support/eventually.ts";
import type { ParentNews } from "../support/pool-parent.ts";
import { TYPESCRIPT_PRELOAD } from "../support/typescript-in-build.ts";

const PARENT = new URL("../support/pool-parent.ts", import.meta.url);
const PRINTER = fileURLToPath(new URL("../support/pool-printer.ts", import.meta.url));
const TWO_APPS = new URL("../support/pool-two-apps.ts", import.meta.url).href;
const TASKS = new URL("../../dist/testing/conformance/pool/tasks.js", import.meta.url).href;
const WORKER_APP = new URL("../support/pool-worker-app.ts", import.meta.url).href;

const SOURCES = ["--import", "tsx", "--conditions=@celeriac/source", "--no-warnings"];

function stageOf(plan: Pick<PoolPlan, "name"> & Partial<PoolPlan>): PoolStage {
  const app = new Celeriac({ broker: "memory:" }, { env: {} });
  const createPool = ({ appModule: _tasks, ...wanted }: PoolWanted): Pool =>
    makePool({ app, ...wanted, ...plan, preload: [TYPESCRIPT_PRELOAD] });
  return new PoolStage(createPool, systemClock);
}

describe.each(["threads", "processes"] as const)("the children of a pool of %s", (name) => {
  it("print where their worker prints", async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...SOURCES, PRINTER, name]);
    expect({ stdout, stderr }).toEqual({ stdout: "to stdout\n", stderr: "to stderr\n" });
  });

  it("take the app that the worker names, and what the command line says of it", async () => {
    const app = new Celeriac({ broker: "memory:" }, { env: {} });
    app.configureFromCommandLine({ taskDefaultQueue: "from the command line" });
    await using stage = stageOf({ name, app, appModule: { url: TWO_APPS } });
    expect(await stage.valueOf(await stage.open({ size: 1 }), { task: "ping" })).toBe("from app");
    await using others = stageOf({ name, app, appModule: { url: TWO_APPS, exportName: "other" } });
    expect(await others.valueOf(await others.open({ size: 1 }), { task: "ping" })).toBe("from the command line");
  });

  it("do not start when the app is not where the worker says", async () => {
    await using stage = stageOf({ name, appModule: { url: TWO_APPS, exportName: "third" } });
    const starting = stage.create().start();
    await expect(starting).rejects.toThrow(PoolStartError);
    await expect(starting).rejects.toThrow('exports no Celeriac app as "third"');
  });

  it("do not start workers of their own", async () => {
    await using stage = stageOf({ name, appModule: { url: WORKER_APP } });
    await expect(stage.create().start()).rejects.toThrow("start workers in another module");
  });

  it("are killed in a commit that never ends, once its run has been over for ten seconds", async () => {
    const clock = new FakeClock();
    const app = new Celeriac({ broker: "memory:" }, { env: {}, clock });
    await using stage = stageOf({ name, app, appModule: { url: TASKS } });
    const pool = await stage.open({ size: 1 });
    const [journal, ending] = [stage.file("-stuck"), new Ending()];
    const running = start(pool, { task: "commit", headers: { journal } }, { ending });
    await eventually(() => expect(stage.textOf(journal)).toBe("commit begins\n"));
    ending.end();
    await clock.advance(10_000);
    expect(await running).toMatchObject({ kind: "lost", reason: { code: "stuck-commit" } });
    expect(await stage.valueOf(pool, { task: "ping" })).toBe("pong");
  });

  it("cannot be had without the app's module", async () => {
    await using stage = stageOf({ name });
    expect(() => stage.create()).toThrow("appModule");
  });
});

it("a worker that is killed leaves no process behind, not even one in a loop that never yields", async () => {
  await using parent = new Child<ParentNews>(PARENT, []);
  const { children } = await eventually(() => parent.news[0] ?? raise("no news yet"), { timeoutMs: 20_000 });
  expect(children.length).toBeGreaterThanOrEqual(3);
  expect(children.filter(isAlive)).toEqual(children);
  await parent.kill();
  await eventually(() => expect(children.filter(isAlive)).toEqual([]));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function raise(message: string): never {
  throw new Error(message);
}

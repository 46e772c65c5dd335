import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { QUICKSTART, runCli, startWorker, type CliOutcome, type WorkerProcess } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

let directory: string;
let worker: WorkerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "celeriac-remote-"));
  worker = await startWorker(["-A", QUICKSTART, "worker", "-n", "w1@here", "-c", "2"], { cwd: directory });
});
afterAll(async () => {
  await worker[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function celeriac(...args: readonly string[]): Promise<CliOutcome> {
  return runCli(["-A", QUICKSTART, ...args], { cwd: directory });
}

it("`status` shows who answers", async () => {
  await eventually(async () => {
    const { code, stdout } = await celeriac("status", "-d", "w1@here");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "->  w1@here: OK\n\n1 node online.\n" });
  });
});

it("`inspect` prints answers, for people and for programs", async () => {
  const { stdout } = await celeriac("inspect", "registered", "-d", "w1@here");
  expect(stdout).toMatch(/^-> {2}w1@here: OK\n {4}\* quickstart\.add\n/);
  const stats = await celeriac("inspect", "stats", "-d", "w1@here", "--json");
  expect(JSON.parse(stats.stdout)).toMatchObject({ "w1@here": { pool: { "max-concurrency": 2 } } });
  expect((await celeriac("inspect", "ping", "-d", "w1@here")).stdout).toContain("\n        pong\n");
});

it("`control` steers, and shows what was refused", async () => {
  const { stdout } = await celeriac("control", "add_consumer", "more", "-d", "w1@here");
  expect(stdout).toContain("add consumer more");
  const { stdout: id } = await celeriac(
    "call",
    "quickstart.add",
    "--args",
    "[1, 2]",
    "--queue",
    "more",
    "--wait",
    "10",
  );
  expect(id.trim()).toBe("3");
  const refused = await celeriac("control", "pool_shrink", "2", "-d", "w1@here");
  expect(refused.stdout).toMatch(/w1@here: ERROR\n.*one must be left/);
});

it("tells of commands, arguments and nodes that there are none of", async () => {
  expect((await celeriac("inspect", "--list")).stdout).toMatch(/^query_task \[id1 .*Query for task information/m);
  const unknown = await celeriac("inspect", "actve");
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('"active"') as unknown });
  const tooMany = await celeriac("control", "cancel_consumer", "a", "b");
  expect(tooMany).toMatchObject({ code: 2, stderr: expect.stringContaining("<queue>") as unknown });
  const nobody = await celeriac("status", "-d", "nobody@here", "-t", "0.2");
  expect(nobody).toMatchObject({ code: 5, stderr: expect.stringContaining("No nodes replied") as unknown });
});

it("`control shutdown` ends a worker as SIGTERM does", async () => {
  await celeriac("control", "shutdown", "-d", "w1@here", "-t", "0.2");
  expect(await worker.exit).toBe(0);
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCliBed, runCli, type CliBed } from "../support/cli.ts";

const TASKS = `
  app.task("test.plain", () => 1);
  app.task("test.never", { maxRetries: 0 }, () => 1);
  app.task("test.backoff", { maxRetries: 8, retryBackoffMs: 1_000, retryJitter: false }, () => 1);
  app.task("test.endless", { maxRetries: null, retryDelayMs: 0 }, () => 1);
`;

let bed: CliBed;
beforeAll(async () => {
  bed = await openCliBed(TASKS);
});
afterAll(() => bed[Symbol.asyncDispose]());

describe("celeriac tasks --retries", () => {
  it("tells how often each task is retried, when, and when the last retry comes", async () => {
    const { code, stdout } = await bed.withApp("tasks", "--retries");
    expect(code).toBe(0);
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["task", "retries", "delays", "last by"],
      ["test.backoff", "8", "1s 2s 4s 8s 16s …", "4m 15s"],
      ["test.endless", "no limit", "0ms 0ms 0ms 0ms 0ms …"],
      ["test.never", "0"],
      ["test.plain", "3", "3m 3m 3m", "9m"],
      [""],
    ]);
  });

  it("tells scripts each retry", async () => {
    const { stdout } = await bed.withApp("tasks", "--retries", "--json");
    const { tasks } = JSON.parse(stdout) as { readonly tasks: readonly { readonly name: string }[] };
    expect(tasks.find(({ name }) => name === "test.plain")).toEqual({
      name: "test.plain",
      maxRetries: 3,
      retries: [1, 2, 3].map((retry) => ({ retry, delayMs: [180_000, 180_000], latestMs: retry * 180_000 })),
    });
  });
});

describe("celeriac config --explain", () => {
  it("lists the hazards of the app's options, those of its tasks too", async () => {
    const { code, stdout } = await bed.withApp("config", "--explain");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^workerPool +inline +default$/m);
    expect(stdout).toMatch(/\n\nhazards\n {2}retry-storm {2}warn\n {4}The task test\.endless is retried .*\n$/);
  });

  it("exits as a worker would that does not start with one, unless it is accepted", async () => {
    const env = { CELERY_WORKER_POOL: "threads", CELERY_BROKER_URL: "memory:" };
    const options = { cwd: bed.directory, timeoutMs: 50_000 };
    const [refused, accepted] = await Promise.all([
      runCli(["config", "--explain"], { ...options, env }),
      runCli(["config", "--explain"], { ...options, env: { ...env, CELERIAC_ACCEPT_HAZARDS: "memory-apart" } }),
    ]);
    expect(refused).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^ {2}memory-apart {2}refuse$/m) as string,
      stderr: "celeriac: A worker does not start with memory-apart.\n",
    });
    expect(accepted).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ {2}memory-apart {2}accepted$/m) as string,
      stderr: "",
    });
  });

  it("tells scripts, and has none to tell without an app", async () => {
    const [own, none] = await Promise.all([
      bed.withApp("config", "--explain", "--json"),
      bed.celeriac("config", "--explain", "--json"),
    ]);
    expect(JSON.parse(own.stdout)).toMatchObject({
      hazards: [{ id: "retry-storm", severity: "warn", isAccepted: false }],
    });
    expect(JSON.parse(none.stdout)).toMatchObject({ hazards: [] });
  });
});

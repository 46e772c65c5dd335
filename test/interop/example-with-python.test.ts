import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { runCli, startWorker, type WorkerProcess } from "../support/cli.ts";
import { output } from "../support/processes.ts";
import { HAS_REDIS, RedisServer } from "../support/redis.ts";
import { PYTHON } from "./celery-worker-reads.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/with-python");

/** The commands of examples/with-python/README.md. */
describe.skipIf(PYTHON === "" || !HAS_REDIS)("the example with Python", () => {
  let server: RedisServer;
  let env: Record<string, string>;
  let python: ChildProcess;
  let node: WorkerProcess;

  beforeAll(async () => {
    server = await RedisServer.start();
    env = { CELERY_BROKER_URL: server.url, CELERY_RESULT_BACKEND: server.url };
    const options = { cwd: EXAMPLE, env: { ...process.env, ...env }, stdio: "ignore" } as const;
    python = spawn(PYTHON, ["-m", "celery", "-A", "tasks", "worker", "-Q", "python", "-c", "1"], options);
    node = await startWorker(["-A", "app.ts", "worker", "-Q", "node"], { cwd: EXAMPLE, env });
  });
  afterAll(async () => {
    python.kill("SIGTERM");
    if (python.exitCode === null) await once(python, "exit");
    await node.stop();
    await server[Symbol.asyncDispose]();
  });

  const call = async (task: string, args: unknown): Promise<{ readonly stdout: string; readonly stderr: string }> =>
    runCli(["-A", "app.ts", "call", task, "--args", JSON.stringify(args), "--wait", "30"], {
      cwd: EXAMPLE,
      env,
      timeoutMs: 50_000,
    });

  it("calls Python from TypeScript, also out of a task", async () => {
    expect((await call("prices.total", [[1, 2.5]])).stdout).toBe("3.5\n");
    expect((await call("receipts.checkout", [[1, 2.5], "Ada"])).stdout).toBe('"Ada paid 3.50"\n');
    expect((await call("prices.total", [[-1]])).stderr).toContain("ValueError: a price is below zero");
  });

  it("calls TypeScript from Python, and chains tasks of both", async () => {
    const program = `
from tasks import app, total
print(app.send_task("receipts.write", [3.5], {"name": "Ada"}).get(timeout=30))
try:
    app.send_task("receipts.write", [3.5, ""]).get(timeout=30)
except TypeError as error:
    print(error)
print((total.s([1, 2.5]) | app.signature("receipts.write", kwargs={"name": "Ada"})).delay().get(timeout=30))
`;
    const printed = await output(PYTHON, ["-c", program], { env: { ...process.env, ...env, PYTHONPATH: EXAMPLE } });
    expect(printed.split("\n")).toEqual(["Ada paid 3.50", "a receipt needs a name", "Ada paid 3.50"]);
  });
});

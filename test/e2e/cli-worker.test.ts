import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AsyncResult } from "celeriac";
import { openCliBed, QUICKSTART, runCli, startWorker, type CliBed, type WorkerProcess } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

/** An enum: what a loader that only strips types would refuse. */
const TASKS = `
  import { threadId } from "node:worker_threads";
  import { setTimeout } from "node:timers/promises";
  import { appendFileSync, writeFileSync } from "node:fs";
  enum Answer { Here = "here" }
  app.task("test.where", () => ({ pid: process.pid, threadId, answer: Answer.Here }));
  app.task("test.note", (): void => appendFileSync("pids.txt", process.pid + "\\n"));
  app.task("test.sleep", { bind: true, params: ["ms"] }, async (task, ms: number) => {
    writeFileSync("running.txt", String(process.pid));
    await setTimeout(ms, undefined, { signal: task.signal });
    return "slept";
  });
  app.task("test.spin", { params: ["ms"] }, (ms: number) => {
    writeFileSync("running.txt", String(process.pid));
    for (const end = performance.now() + ms; performance.now() < end; );
    return "spun";
  });
  app.task("test.patient", { bind: true }, async (task) => {
    await setTimeout(30_000, undefined, { signal: task.signal }).catch(() => undefined);
    return task.signal.reason.name;
  });
`;

let bed: CliBed;
beforeEach(async () => {
  bed = await openCliBed(TASKS);
});
afterEach(() => bed[Symbol.asyncDispose]());

interface Where {
  readonly pid: number;
  readonly threadId: number;
  readonly answer: string;
}

function send<Result>(task: string, ...args: readonly unknown[]): Promise<AsyncResult<Result>> {
  return bed.producer.sendTask<Result>(task, { args });
}

async function run<Result>(task: string, ...args: readonly unknown[]): Promise<Result> {
  const result = await send<Result>(task, ...args);
  return result.get({ timeoutMs: 20_000 });
}

/** The process in which `test.sleep` or `test.spin` runs, once it does. */
async function pidOfRunning(): Promise<number> {
  const file = join(bed.directory, "running.txt");
  await eventually(async () => expect(await readFile(file, "utf8")).toMatch(/\d/), { timeoutMs: 20_000 });
  return Number(await readFile(file, "utf8"));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function messagesOf({ log }: WorkerProcess): readonly string[] {
  return log.map(({ msg }) => msg);
}

describe("a worker's pool", () => {
  it("of processes runs the tasks of an app in TypeScript elsewhere, those of --include too", async () => {
    await writeFile(
      join(bed.directory, "more.ts"),
      'import { app } from "./app.ts"; enum Kind { Far = "far" } app.task("more.far", () => Kind.Far);',
    );
    const worker = await bed.worker(["-P", "processes", "-c", "1", "-I", "more.ts"]);
    expect(worker.log[0]).toMatchObject({ msg: "starting", pool: "processes", concurrency: 1 });
    const { pid, threadId, answer } = await run<Where>("test.where");
    expect({ threadId, answer, isElsewhere: pid !== worker.pid }).toEqual({
      threadId: 0,
      answer: "here",
      isElsewhere: true,
    });
    expect(await run("more.far")).toBe("far");
    expect(await worker.stop()).toBe(0);
    await eventually(() => expect(isAlive(pid)).toBe(false));
  });

  it("of threads runs them in the worker's own process", async () => {
    const worker = await bed.worker(["-P", "threads", "-c", "1"]);
    expect(worker.log[0]).toMatchObject({ msg: "starting", pool: "threads" });
    const { pid, threadId } = await run<Where>("test.where");
    expect(pid).toBe(worker.pid);
    expect(threadId).toBeGreaterThan(0);
    expect(await worker.stop()).toBe(0);
  });

  it.each(["prefork", "threads"])(
    "of %s runs an app in TypeScript that imports the package by its name",
    async (pool) => {
      const options = { cwd: bed.directory };
      await using worker = await startWorker(["-A", QUICKSTART, "worker", "-P", pool, "-c", "1"], options);
      const call = await runCli(
        ["-A", QUICKSTART, "call", "quickstart.add", "-a", "[20, 22]", "--wait", "20"],
        options,
      );
      expect(call).toEqual({ code: 0, stdout: "42\n", stderr: "" });
      expect(await worker.stop()).toBe(0);
    },
  );

  it("of processes leaves none behind when the worker is killed, not even one in a loop", async () => {
    const worker = await bed.worker(["-P", "processes", "-c", "1"]);
    await send("test.spin", 60_000);
    const pid = await pidOfRunning();
    expect(pid).not.toBe(worker.pid);
    expect(await worker.stop("SIGKILL")).toBe("SIGKILL");
    await eventually(() => expect(isAlive(pid)).toBe(false), { timeoutMs: 10_000 });
  });

  it("replaces a child after --max-tasks-per-child", async () => {
    await bed.worker(["-P", "processes", "-c", "1", "--max-tasks-per-child", "2"]);
    const pids: number[] = [];
    for (let call = 0; call < 4; call += 1) pids.push((await run<Where>("test.where")).pid);
    const [first, , third] = pids;
    expect(pids).toEqual([first, first, third, third]);
    expect(third).not.toBe(first);
  });

  it("replaces a child that has --max-memory-per-child", async () => {
    await bed.worker(["-P", "processes", "-c", "1", "--max-memory-per-child", "1MB"]);
    const [first, second] = [await run<Where>("test.where"), await run<Where>("test.where")];
    expect(second.pid).not.toBe(first.pid);
  });

  it("ends a run at --time-limit, and warns it at --soft-time-limit", async () => {
    await bed.worker(["-P", "processes", "-c", "1", "--time-limit", "3s", "--soft-time-limit", "0.5"]);
    await expect(run("test.spin", 60_000)).rejects.toThrow(/TimeLimitExceeded|time limit/i);
    expect(await run("test.patient")).toBe("SoftTimeLimitExceededError");
  });
});

describe("a worker that is told to stop", () => {
  it("by QUIT hands everything back at once, exits with 6, and another one runs it", async () => {
    const first = await bed.worker(["-P", "processes", "-c", "1"]);
    const sent = await send("test.sleep", 3_000);
    const pid = await pidOfRunning();
    expect(await first.stop("SIGQUIT")).toBe(6);
    expect(first.log.at(-1)).toMatchObject({ msg: "stopped", unfinished: 1 });
    expect(isAlive(pid)).toBe(false);
    await bed.worker();
    expect(await sent.get({ timeoutMs: 20_000 })).toBe("slept");
  });

  it("by QUIT while idle exits with 0", async () => {
    expect(await (await bed.worker()).stop("SIGQUIT")).toBe(0);
  });

  it("by Ctrl-C lets a run finish that its own child got the signal for too", async () => {
    const worker = await bed.worker(["-P", "processes", "-c", "1"], { ownGroup: true });
    const sent = await send("test.sleep", 1_000);
    await pidOfRunning();
    process.kill(-worker.pid, "SIGINT");
    expect(await worker.exit).toBe(0);
    expect(await sent.get({ timeoutMs: 20_000 })).toBe("slept");
  });

  it("before its app is imported just ends", async () => {
    await writeFile(
      join(bed.directory, "app.ts"),
      'process.kill(process.pid, "SIGTERM"); await new Promise(() => setInterval(() => 0, 1e6));',
    );
    expect(await bed.withApp("worker")).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe("an inline worker that wears out", () => {
  const inline = (...args: readonly string[]): Promise<WorkerProcess> =>
    bed.worker(["-c", "1", ...args], { ownGroup: true });

  it("is started anew after --max-tasks-per-child, and loses nothing", async () => {
    const sent = await Promise.all(Array.from({ length: 20 }, () => send("test.note")));
    const worker = await inline("--max-tasks-per-child", "5");
    const file = join(bed.directory, "pids.txt");
    const pids = async (): Promise<readonly string[]> => (await readFile(file, "utf8")).trim().split("\n");
    await eventually(async () => expect(await pids()).toHaveLength(20), { timeoutMs: 40_000 });
    const processes = [...new Set(await pids())];
    expect(await pids()).toEqual(processes.flatMap((pid) => Array<string>(5).fill(pid)));
    expect(processes).toHaveLength(4);
    expect(processes).not.toContain(String(worker.pid));
    await Promise.all(sent.map((result) => result.get({ timeoutMs: 10_000 })));
    expect(await worker.stop()).toBe(0);
    expect(messagesOf(worker).filter((msg) => msg === "starting anew").length).toBeGreaterThanOrEqual(3);
  });

  it("counts Ctrl-C once, though parent and child both get it", async () => {
    const worker = await inline("--max-tasks-per-child", "5");
    const sent = await send("test.sleep", 1_500);
    await pidOfRunning();
    process.kill(-worker.pid, "SIGINT");
    expect(await worker.exit).toBe(0);
    expect(messagesOf(worker).filter((msg) => msg.startsWith("stopping"))).toEqual([
      "stopping, running tasks may finish",
    ]);
    expect(await sent.get({ timeoutMs: 20_000 })).toBe("slept");
  });

  it("hands on QUIT, and what came of it", async () => {
    const worker = await inline("--max-memory-per-child", "4GB");
    await send("test.sleep", 60_000);
    await pidOfRunning();
    expect(await worker.stop("SIGQUIT")).toBe(6);
  });

  it("stops in good order when its parent is killed", async () => {
    const worker = await inline("--max-tasks-per-child", "5");
    const sent = await send("test.sleep", 2_000);
    const pid = await pidOfRunning();
    expect(pid).not.toBe(worker.pid);
    worker.signal("SIGKILL");
    await eventually(() => expect(isAlive(pid)).toBe(false), { timeoutMs: 20_000 });
    expect(await sent.get({ timeoutMs: 20_000 })).toBe("slept");
  });

  it("ends with 1 when its process is killed, as any other would die", async () => {
    const worker = await inline("--max-tasks-per-child", "5");
    await send("test.sleep", 60_000);
    process.kill(await pidOfRunning(), "SIGKILL");
    expect(await worker.exit).toBe(1);
    expect(worker.log.at(-1)).toMatchObject({ msg: "the worker's process was killed", signal: "SIGKILL" });
  });

  it("starts where it was started, whatever --workdir says", async () => {
    const options = { cwd: join(bed.directory, "..") };
    const directory = bed.directory.slice(options.cwd.length + 1);
    await using worker = await startWorker(
      ["--workdir", directory, "-A", "app.ts", "worker", "--max-tasks-per-child", "5"],
      options,
    );
    expect(await worker.stop()).toBe(0);
  });
});

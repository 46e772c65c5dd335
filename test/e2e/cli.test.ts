import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  CELERIAC,
  QUICKSTART,
  runCli,
  startWorker,
  type CliOptions,
  type CliOutcome,
  type WorkerProcess,
} from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

let directory: string;
/** Working directory, and so database, of the test. */
let here: CliOptions;

async function makeDirectory(): Promise<void> {
  directory = await mkdtemp(join(tmpdir(), "celeriac-cli-"));
  here = { cwd: directory };
}
const removeDirectory = (): Promise<void> => rm(directory, { recursive: true, force: true });

function celeriac(...args: readonly string[]): Promise<CliOutcome> {
  return runCli(args, here);
}
function quickstart(...args: readonly string[]): Promise<CliOutcome> {
  return celeriac("-A", QUICKSTART, ...args);
}
function worker(...args: readonly string[]): Promise<WorkerProcess> {
  return startWorker(["-A", QUICKSTART, "worker", ...args], here);
}

interface QueueCounts {
  readonly name: string;
  readonly ready: number;
  readonly delayed: number;
  readonly unacked: number;
  readonly consumers: number;
}

async function countQueues(): Promise<readonly QueueCounts[]> {
  const { stdout } = await quickstart("queues", "--json");
  return (JSON.parse(stdout) as { readonly queues: readonly QueueCounts[] }).queues;
}

async function celeryQueue(): Promise<QueueCounts | undefined> {
  return (await countQueues()).find(({ name }) => name === "celery");
}

async function idOf(sent: Promise<CliOutcome>): Promise<string> {
  return (await sent).stdout.trim();
}

describe("calling the quick start's tasks", () => {
  let running: WorkerProcess;
  beforeAll(async () => {
    await makeDirectory();
    running = await worker("-n", "w1@%h");
  });
  afterAll(async () => {
    await running[Symbol.asyncDispose]();
    await removeDirectory();
  });

  it.each([
    ["add", "[1, 2]", '{"x": 1, "y": 2}', "3"],
    ["greet", '["Ada"]', '{"name": "Ada"}', '"Hello Ada!"'],
    ["sleep", "[0.05]", '{"seconds": 0.05}', "0.05"],
    ["spin", "[0.05]", '{"seconds": 0.05}', "0.05"],
    ["flaky", "[2]", '{"times": 1}', ["2", "1"]],
  ])("%s takes its arguments by position and by name", async (name, args, kwargs, results) => {
    const [byPosition, byName] = typeof results === "string" ? [results, results] : results;
    const [positional, named] = await Promise.all([
      quickstart("call", `quickstart.${name}`, "--args", args, "--wait", "10"),
      quickstart("call", `quickstart.${name}`, "-k", kwargs, "--wait", "10"),
    ]);
    expect(positional).toEqual({ code: 0, stdout: `${byPosition}\n`, stderr: "" });
    expect(named).toEqual({ code: 0, stdout: `${byName}\n`, stderr: "" });
  });

  it.each([
    ["-a", '["out of \\"cheese\\""]'],
    ["-k", '{"message": "out of \\"cheese\\""}'],
  ])("a task that fails ends the call with 3 and names the error (%s)", async (flag, value) => {
    const { code, stdout, stderr } = await quickstart("call", "quickstart.fail", flag, value, "--wait", "10");
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(/^celeriac: The task [0-9a-f-]{36} failed: Error: out of "cheese"\n$/);
  });

  it("a wait that is over ends the call with 5, and the result can be had later", async () => {
    const late = await quickstart("call", "quickstart.sleep", "-a", "[8]", "--wait", "0.2");
    expect(late).toMatchObject({ code: 5, stdout: "" });
    const id = /The task (\S+) did not end within 200 ms/.exec(late.stderr)?.[1] ?? "";

    expect(await quickstart("result", id)).toMatchObject({ code: 5, stdout: "" });
    expect(await quickstart("result", id, "--wait", "30")).toMatchObject({ code: 0, stdout: "8\n" });
    expect(await quickstart("result", id)).toMatchObject({ code: 0, stdout: "8\n" });
    const { stdout } = await quickstart("result", id, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ id, state: "SUCCESS", result: 8, traceback: null });
  });

  it("the result of a task that failed is its error, and its traceback where that is asked for", async () => {
    const id = await idOf(quickstart("call", "quickstart.fail", "-a", '["boom"]'));
    expect(await quickstart("result", id, "--wait", "10")).toMatchObject({ code: 3, stdout: "" });
    const traced = await quickstart("result", id, "--traceback");
    expect(traced.code).toBe(3);
    expect(traced.stdout).toMatch(/^Error: boom\n +at .*app\.ts:\d+/);
    const { stdout } = await quickstart("result", id, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      id,
      state: "FAILURE",
      result: { exc_type: "Error", exc_message: ["boom"] },
    });
  });

  it("a call that expires before it may start ends with 4", async () => {
    const call = await quickstart(
      "call",
      "quickstart.add",
      "-a",
      "[1, 2]",
      "--countdown",
      "0.5",
      "--expires",
      "0.1",
      "--wait",
      "10",
    );
    expect(call).toMatchObject({ code: 4, stdout: "" });
    expect(call.stderr).toContain("expired");
  });

  it("a call without an app goes by its name alone", async () => {
    const url = "sqlite:celeriac.db";
    const call = await celeriac(
      "-b",
      url,
      "--result-backend",
      url,
      "call",
      "quickstart.add",
      "-a",
      "[20, 22]",
      "--wait",
      "10",
    );
    expect(call).toEqual({ code: 0, stdout: "42\n", stderr: "" });
  });

  it("a countdown is waited for", async () => {
    const start = Date.now();
    const { stdout } = await quickstart("call", "quickstart.add", "-a", "[1, 2]", "--countdown", "1.5", "--wait", "10");
    expect(stdout).toBe("3\n");
    expect(Date.now() - start).toBeGreaterThanOrEqual(1_500);
  });

  it("the worker logs JSON where nobody watches, from its start with all that it serves", () => {
    const [starting, ready] = running.log;
    expect(starting).toMatchObject({
      level: "info",
      msg: "starting",
      node: `w1@${hostname()}`,
      app: "quickstart",
      broker: "sqlite:celeriac.db",
      results: "sqlite:celeriac.db",
      pool: "inline",
      queues: [{ name: "celery", exchange: "celery", type: "direct", key: "celery" }],
    });
    expect(starting?.["tasks"]).toContain("quickstart.add");
    expect(ready).toMatchObject({ msg: "ready", queues: ["celery"] });
    expect(running.output.stdout).toBe("");
  });
});

describe("a command without a worker", () => {
  beforeEach(makeDirectory);
  afterEach(removeDirectory);

  it("prints the id of what it sent", async () => {
    expect(await quickstart("call", "quickstart.add", "-a", "[1, 2]")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) as string,
    });
    const { stdout } = await quickstart("call", "quickstart.add", "-a", "[1, 2]", "--json");
    expect(JSON.parse(stdout)).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
  });

  it("sends nothing that is wrong", async () => {
    const wrong = await Promise.all([
      quickstart("call", "quickstart.add", "-a", "[1]"),
      quickstart("call", "quickstart.add", "-a", "[1,"),
      quickstart("call", "quickstart.add", "-k", '{"x": 1, "z": 2}'),
      quickstart("call", "quickstart.add", "-a", "[1, 2]", "--priority", "11"),
      quickstart("call", "quickstart.add", "-a", "[1, 2]", "--eta", "tomorrow"),
      quickstart("call", "quickstart.add", "-a", "[1, 2]", "--queue", "a", "--exchange", "b"),
    ]);
    expect(wrong.map(({ code, stdout }) => ({ code, stdout }))).toEqual(wrong.map(() => ({ code: 2, stdout: "" })));
    expect(wrong[0].stderr).toBe('celeriac: quickstart.add: the argument "y" is missing.\n');
    expect(await readdir(directory)).toEqual([]);
  });

  it("that only looks makes no file where there is none, and says so", async () => {
    const [queues, purge, result] = await Promise.all([
      quickstart("queues"),
      quickstart("purge", "-f"),
      quickstart("result", "some-id"),
    ]);
    const missing = (what: string): string =>
      `celeriac: The ${what} sqlite:celeriac.db is not available: there is no file celeriac.db in ${directory}; nothing was sent there yet.\n`;
    expect(queues).toEqual({ code: 1, stdout: "", stderr: missing("broker") });
    expect(purge).toEqual({ code: 1, stdout: "", stderr: missing("broker") });
    expect(result).toEqual({ code: 1, stdout: "", stderr: missing("result backend") });
    expect(await readdir(directory)).toEqual([]);
  });

  it("sends a task that the app does not define, and remarks on it", async () => {
    const [misspelt, quiet, nameless] = await Promise.all([
      quickstart("call", "quickstart.ad", "-a", "[1, 2]"),
      quickstart("-q", "call", "quickstart.ad", "-a", "[1, 2]"),
      celeriac("call", "quickstart.ad", "-a", "[1, 2]"),
    ]);
    const sent = { code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) as string };
    expect(misspelt).toEqual({
      ...sent,
      stderr: `${QUICKSTART} defines no task quickstart.ad; did you mean quickstart.add? It is sent all the same.\n`,
    });
    expect(quiet).toEqual({ ...sent, stderr: "" });
    expect(nameless).toEqual({ ...sent, stderr: "" });
    expect(await celeryQueue()).toMatchObject({ ready: 3 });
  });

  it("that waited in vain says that nobody consumes", async () => {
    const late = await quickstart("call", "quickstart.add", "-a", "[1, 2]", "--queue", "nobody", "--wait", "0.1");
    expect(late).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/did not end within 100 ms\. No Celeriac worker consumes "nobody"\.\n$/) as string,
    });
  });

  it("refuses a broker or results in a memory that no other process sees", async () => {
    const inMemory = (...args: readonly string[]): Promise<CliOutcome> => celeriac("-b", "memory:", ...args);
    const refused = await Promise.all([
      inMemory("call", "quickstart.add", "-a", "[1, 2]"),
      inMemory("queues"),
      inMemory("revoke", "some-id"),
      celeriac("--result-backend", "memory:", "call", "quickstart.add", "-a", "[1, 2]", "--wait", "1"),
    ]);
    expect(refused.map(({ code, stdout }) => ({ code, stdout }))).toEqual(refused.map(() => ({ code: 2, stdout: "" })));
    expect(refused.map(({ stderr }) => stderr)).toEqual([
      ...Array.from(
        { length: 3 },
        () => expect.stringMatching(/^celeriac: The broker is memory:, .* give -b /) as string,
      ),
      expect.stringMatching(/^celeriac: --wait needs .* give --result-backend /) as string,
    ]);
    expect(await readdir(directory)).toEqual([]);
  });

  it("deletes nothing when one of the queues does not exist", async () => {
    await quickstart("call", "quickstart.add", "-a", "[1, 2]");
    expect(await quickstart("purge", "-f", "-Q", "celery,nosuch")).toEqual({
      code: 1,
      stdout: "",
      stderr: 'celeriac: There is no queue "nosuch"; there are celery.\n',
    });
    expect(await celeryQueue()).toMatchObject({ ready: 1 });
  });

  it("counts what waits, and deletes it when that is confirmed", async () => {
    await quickstart("call", "quickstart.add", "-a", "[1, 2]");
    await quickstart("call", "quickstart.add", "-a", "[1, 2]", "--countdown", "60");
    await quickstart("call", "quickstart.add", "-a", "[1, 2]", "--queue", "other");
    expect((await quickstart("queues", "--json")).stdout).toBe(
      '{"queues":[{"name":"celery","ready":1,"delayed":1,"unacked":0,"consumers":0,"paused":null},{"name":"other","ready":1,"delayed":0,"unacked":0,"consumers":0,"paused":null}]}\n',
    );
    expect((await quickstart("queues")).stdout).toMatch(
      /^name +ready +delayed +unacked +consumers\ncelery +1 +1 +0 +0\nother +1 +0 +0 +0\n$/,
    );

    const refused = await quickstart("purge");
    expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--force") as string });
    expect(await quickstart("purge", "-f")).toMatchObject({ code: 0, stdout: "Deleted 2 messages from celery.\n" });
    const purged = await quickstart("purge", "-f", "-Q", "other", "--json");
    expect(JSON.parse(purged.stdout)).toEqual({ purged: 1, queues: { other: 1 } });
    expect((await countQueues()).map(({ ready, delayed }) => ready + delayed)).toEqual([0, 0]);
  });

  it("lists the tasks", async () => {
    const tasks = ["add", "crash", "fail", "flaky", "greet", "sleep", "spin"].map((name) => `quickstart.${name}`);
    const [text, json] = await Promise.all([quickstart("tasks"), quickstart("tasks", "--json")]);
    expect(text.stdout).toBe(`${tasks.join("\n")}\n`);
    expect(JSON.parse(json.stdout)).toEqual({ tasks });
  });

  it("explains where every value comes from: command line before environment before code", async () => {
    const env = {
      CELERY_BROKER_URL: "sqlite:env.db",
      CELERY_RESULT_BACKEND: "sqlite:env.db",
      CELERY_WORKER_CONCURRENCY: "4",
    };
    const run = await runCli(["-A", QUICKSTART, "-b", "sqlite:cli.db", "config", "--explain", "--json"], {
      ...here,
      env,
    });
    const { settings } = JSON.parse(run.stdout) as { readonly settings: readonly { readonly key: string }[] };
    expect(settings).toContainEqual({
      key: "broker",
      value: "sqlite:cli.db",
      source: "command line --broker",
      overrides: ["environment CELERY_BROKER_URL", "code broker"],
    });
    expect(settings).toContainEqual({
      key: "resultBackend",
      value: "sqlite:env.db",
      source: "environment CELERY_RESULT_BACKEND",
      overrides: ["code resultBackend"],
    });
    expect(settings).toContainEqual({
      key: "workerConcurrency",
      value: 4,
      source: "environment CELERY_WORKER_CONCURRENCY",
      overrides: [],
    });
    expect(settings).toContainEqual({ key: "taskDefaultQueue", value: "celery", source: "default", overrides: [] });
    const text = await runCli(["-A", QUICKSTART, "config", "--explain"], { ...here, env });
    expect(text.stdout).toMatch(/^workerConcurrency +4 +environment CELERY_WORKER_CONCURRENCY$/m);
  });

  it("honours the environment's broker and backend", async () => {
    const env = { CELERY_BROKER_URL: "sqlite:env.db", CELERY_RESULT_BACKEND: "sqlite:env.db" };
    await runCli(["call", "any.name", "-a", "[1]"], { ...here, env });
    const { stdout } = await celeriac("-b", "sqlite:env.db", "queues", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ queues: [{ name: "celery", ready: 1 }] });
  });

  it("never prints a secret", async () => {
    const secret = "s3cr3t";
    const env = {
      CELERY_BROKER_URL: `redis://user:${secret}@broker/0`,
      CELERY_RESULT_BACKEND: `redis://:${secret}@results/0`,
    };
    const commands = [
      ["config"],
      ["config", "--explain"],
      ["config", "--json"],
      ["queues"],
      ["call", "x", "--wait", "1"],
      ["result", "x"],
    ];
    const runs = await Promise.all([
      ...commands.map((command) => runCli(["-A", QUICKSTART, "-l", "debug", ...command], { ...here, env })),
      // It waits for its Redis until it is killed.
      runCli(["-A", QUICKSTART, "worker", "-l", "debug"], { ...here, env, timeoutMs: 20_000 }).catch(
        (error: unknown) => ({ stdout: "", stderr: String(error) }),
      ),
      celeriac("-b", `${secret}@nowhere`, "config"),
      celeriac("call", "x", "-a", `"amqp://me:${secret}@host"`),
    ]);
    const shown = runs.map(({ stdout, stderr }) => stdout + stderr).join("\n");
    expect(shown).toContain("redis://user:***@broker/0");
    expect(shown).toContain("waiting for it to come");
    expect(shown.replace(`${secret}@nowhere`, "")).not.toContain(secret);
  });

  it("says in one line what is wrong with the command line, and exits with 2", async () => {
    const [option, command, noApp, level, count, noTask] = await Promise.all([
      quickstart("worker", "--concurency", "3"),
      celeriac("wroker"),
      celeriac("worker"),
      quickstart("queues", "-l", "loud"),
      quickstart("worker", "-c", "many"),
      celeriac("call"),
    ]);
    expect(option).toMatchObject({
      code: 2,
      stderr: "celeriac: unknown option '--concurency'\n(Did you mean --concurrency?)\n",
    });
    expect(command).toMatchObject({ code: 2, stderr: "celeriac: unknown command 'wroker'\n(Did you mean worker?)\n" });
    expect(noApp).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("celeriac -A path/to/app.ts worker") as string,
    });
    expect(level).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^celeriac: --loglevel: expected one of .*\n$/) as string,
    });
    expect(count).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^celeriac: --concurrency: expected .*"many"\.\n$/) as string,
    });
    expect(noTask).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("missing required argument 'name'") as string,
    });
  });

  it("explains itself, with examples and exit codes", async () => {
    const help = await Promise.all(
      [
        ["worker"],
        ["call"],
        ["result"],
        ["revoke"],
        ["queues"],
        ["purge"],
        ["dead-letters"],
        ...["list", "show", "replay", "drop"].map((name) => ["dead-letters", name]),
        ["tasks"],
        ["config"],
      ].map((command) => celeriac(...command, "--help")),
    );
    for (const { code, stdout } of help) {
      expect(code).toBe(0);
      expect(stdout).toContain("\nExamples:\n  celeriac ");
    }
    expect(help[1]?.stdout).toMatch(/Exit codes:.*3 {2}the task failed.*5 {2}the task had not ended/s);
    expect(await celeriac("--version")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });

  it("names the app file that is missing, broken or throws", async () => {
    await writeFile(join(directory, "syntax.ts"), "export const app = = 1;\n");
    await writeFile(join(directory, "throws.ts"), 'throw new Error("no luck");\n');
    await writeFile(join(directory, "none.ts"), "export const answer: number = 42;\n");
    const [missing, syntax, throws, none] = await Promise.all(
      ["missing", "syntax", "throws.ts", "none"].map((name) => celeriac("-A", name, "tasks")),
    );
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^celeriac: There is no file missing in .*\n$/) as string,
    });
    expect(syntax).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^celeriac: .*syntax\.ts could not be imported: syntax error: .*syntax\.ts:1:19.*\n$/,
      ) as string,
    });
    expect(throws).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^celeriac: .*throws\.ts could not be imported: no luck \(.*throws\.ts:1\)\n$/,
      ) as string,
    });
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("its exports are answer") as string });
  });

  it("shows where an error comes from at debug level", async () => {
    const { stderr } = await quickstart("-l", "debug", "call", "quickstart.add", "-a", "[1]");
    expect(stderr).toMatch(/^celeriac: .*\nInvalidArgumentsError: .*\n +at /);
  });

  it("works in another directory when told to", async () => {
    await quickstart("--workdir", directory, "call", "quickstart.add", "-a", "[1, 2]");
    expect(await celeryQueue()).toMatchObject({ ready: 1 });
    expect(await celeriac("--workdir", join(directory, "nowhere"), "queues")).toMatchObject({ code: 2 });
  });

  it("does not start a worker when a task module cannot be imported", async () => {
    await writeFile(join(directory, "broken.mjs"), 'throw new Error("no luck");\n');
    const broken = await quickstart("worker", "-I", "broken.mjs");
    expect(broken).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/broken\.mjs could not be imported: no luck\n$/) as string,
    });
    const unknown = await quickstart("worker", "-I", "nothing/*.ts");
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing/*.ts") as string });
  });
});

describe("a worker that ends", () => {
  beforeEach(makeDirectory);
  afterEach(removeDirectory);

  /** Resolves once the worker, which logs at debug level, runs a task. */
  const busy = (running: WorkerProcess): Promise<void> =>
    eventually(() => expect(running.log.map(({ msg }) => msg)).toContain("task received"));

  it("by TERM lets its running task finish, and exits with 0", async () => {
    await using first = await worker("-l", "debug");
    expect(await celeryQueue()).toMatchObject({ consumers: 1 });
    const id = await idOf(quickstart("call", "quickstart.sleep", "-a", "[8]"));
    await busy(first);
    expect(await celeryQueue()).toMatchObject({ ready: 0, unacked: 1 });
    expect(await first.stop()).toBe(0);
    const ends = ["stopping, running tasks may finish", "task succeeded", "stopped"];
    expect(first.log.map(({ msg }) => msg).filter((msg) => ends.includes(msg))).toEqual(ends);
    expect(await quickstart("result", id)).toMatchObject({ code: 0, stdout: "8\n" });
    expect(await celeryQueue()).toMatchObject({ name: "celery", ready: 0, delayed: 0, unacked: 0, consumers: 0 });
  });

  it("by TERM hands back what does not finish within its grace, and another worker runs it", async () => {
    await using first = await worker("-l", "debug", "--grace", "0.1");
    const id = await idOf(quickstart("call", "quickstart.sleep", "-a", "[3]"));
    await busy(first);
    expect(await first.stop()).toBe(6);
    expect(first.log).toContainEqual(expect.objectContaining({ msg: "task not finished, handed back", id }));
    expect(await celeryQueue()).toMatchObject({ ready: 1, unacked: 0 });
    await using _second = await worker();
    expect(await quickstart("result", id, "--wait", "10")).toMatchObject({ code: 0, stdout: "3\n" });
  });

  it("by a second Ctrl-C gives its task up at once, and exits with 6", async () => {
    await using first = await worker("-l", "debug");
    await quickstart("call", "quickstart.sleep", "-a", "[60]");
    await busy(first);
    first.signal("SIGINT");
    await eventually(() =>
      expect(first.log.at(-1)).toMatchObject({ msg: "stopping, running tasks may finish", signal: "SIGINT" }),
    );
    expect(await first.stop("SIGINT")).toBe(6);
    expect(await celeryQueue()).toMatchObject({ ready: 1, unacked: 0 });
  });

  it("by Ctrl-C while idle ends at once", async () => {
    await using first = await worker("-Q", "a,b", "-c", "2");
    expect(first.log[0]).toMatchObject({ concurrency: 2, queues: [{ name: "a" }, { name: "b" }] });
    expect(await first.stop("SIGINT")).toBe(0);
  });

  it("by kill -9 loses nothing: its task runs again on another", async () => {
    const first = await worker("-l", "debug");
    const id = await idOf(quickstart("call", "quickstart.sleep", "-a", "[2]"));
    await busy(first);
    expect(await first.stop("SIGKILL")).toBe("SIGKILL");
    await using _second = await worker();
    expect(
      await runCli(["-A", QUICKSTART, "result", id, "--wait", "40"], { ...here, timeoutMs: 45_000 }),
    ).toMatchObject({
      code: 0,
      stdout: "2\n",
    });
  });

  it("by its task's doing keeps the task's message", async () => {
    await using first = await worker();
    await quickstart("call", "quickstart.crash");
    expect(await first.exit).toBe("SIGKILL");
    expect(await celeryQueue()).toMatchObject({ ready: 0, unacked: 1 });
  });

  describe("or not, by what a task left alone", () => {
    const APP = `
      import { Celeriac } from "${CELERIAC}";
      export const app = new Celeriac({ broker: "sqlite:celeriac.db", resultBackend: "sqlite:celeriac.db" });
      app.task("stray.rejection", () => { void Promise.reject(new Error("left alone")); return "done"; });
      app.task("stray.exception", () => { setTimeout(() => { throw new Error("out of a timer"); }, 1); return "done"; });
    `;
    const stray = (...args: readonly string[]): Promise<CliOutcome> => celeriac("-A", "stray.mjs", ...args);
    beforeEach(() => writeFile(join(directory, "stray.mjs"), APP));

    it("logs a rejection and goes on", async () => {
      await using first = await startWorker(["-A", "stray.mjs", "worker"], here);
      for (let run = 0; run < 2; run += 1) {
        expect(await stray("call", "stray.rejection", "--wait", "10")).toMatchObject({ code: 0, stdout: '"done"\n' });
      }
      expect(first.log.filter(({ level }) => level === "error")).toMatchObject(
        [1, 2].map(() => ({
          msg: "unhandled rejection, probably of a task",
          error: "left alone",
          stack: expect.stringContaining("stray.mjs:4") as string,
        })),
      );
      expect(await first.stop()).toBe(0);
    });

    it("logs an exception, stops in good order, and exits with 1", async () => {
      await using first = await startWorker(["-A", "stray.mjs", "worker"], here);
      const id = await idOf(stray("call", "stray.exception"));
      expect(await first.exit).toBe(1);
      expect(first.log.filter(({ level }) => level === "error")).toMatchObject([
        {
          msg: "uncaught exception, stopping, running tasks may finish",
          error: "out of a timer",
          stack: expect.stringContaining("stray.mjs:5") as string,
        },
      ]);
      expect(first.log.at(-1)).toMatchObject({ msg: "stopped" });
      expect(await stray("result", id)).toMatchObject({ code: 0, stdout: '"done"\n' });
    });
  });

  it("says where its command line beats the environment", async () => {
    await using first = await startWorker(["-A", QUICKSTART, "worker", "-c", "3"], {
      ...here,
      env: { CELERY_WORKER_CONCURRENCY: "5" },
    });
    expect(first.log[0]).toMatchObject({
      concurrency: 3,
      overrides: ["--concurrency 3 overrides env CELERY_WORKER_CONCURRENCY"],
    });
    expect(await first.stop()).toBe(0);
  });
});

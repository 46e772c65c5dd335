import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { CELERIAC, openCliBed, type CliBed } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { RedisServer } from "../support/redis.ts";
import { describe, it } from "../support/with-redis.ts";

const TASKS = `
  import { Reject } from "${CELERIAC}";
  import { setTimeout } from "node:timers/promises";
  import { appendFileSync } from "node:fs";
  app.task("test.add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
  app.task("test.reject", () => {
    throw new Reject("not for me");
  });
  app.task("test.sleep", { bind: true, params: ["ms"] }, async (task, ms: number) => {
    appendFileSync("runs.txt", "run\\n");
    await setTimeout(ms, undefined, { signal: task.signal });
    return "slept";
  });
`;
const PATIENCE = { timeoutMs: 20_000 };
/** Within which another worker has what a killed one held, in milliseconds. */
const TAKEN_OVER_MS = 30_000;

let server: RedisServer;
let bed: CliBed;
beforeEach(async () => {
  server = await RedisServer.start();
  bed = await openCliBed(TASKS, server.url);
});
afterEach(async () => {
  await bed[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Resolves once `test.sleep` has begun so often. */
async function runs(times: number): Promise<void> {
  const lines = async (): Promise<number> => (await readFile(join(bed.directory, "runs.txt"), "utf8")).length / 4;
  await eventually(async () => expect(await lines()).toBe(times), { timeoutMs: TAKEN_OVER_MS + 10_000 });
}

describe("celeriac on Redis", () => {
  it("calls, tells results, counts and purges", async () => {
    await bed.worker(["-Q", "celery"]);
    const call = await bed.withApp("call", "test.add", "-a", "[20, 22]", "--wait", "20");
    expect(call).toEqual({ code: 0, stdout: "42\n", stderr: "" });
    const sent = await bed.celeriac("-b", server.url, "call", "test.add", "-a", "[1, 2]", "--countdown", "3600");
    const { stdout: result } = await bed.withApp("result", sent.stdout.trim(), "--json");
    expect(JSON.parse(result)).toMatchObject({ state: "PENDING" });
    const { stdout: queues } = await bed.celeriac("-b", server.url, "queues", "--json");
    expect(JSON.parse(queues)).toEqual({
      queues: [{ name: "celery", ready: 0, delayed: 1, unacked: 0, consumers: 1, paused: null }],
    });
    const purged = await bed.celeriac("-b", server.url, "purge", "--force", "--json");
    expect(JSON.parse(purged.stdout)).toEqual({ purged: 1, queues: { celery: 1 } });
  });

  it("lists, shows, replays and drops dead letters", async () => {
    const worker = await bed.worker();
    await bed.withApp("call", "test.reject");
    await eventually(() => expect(worker.log.map(({ msg }) => msg)).toContain("task dead-lettered"), PATIENCE);
    await worker.stop();
    const letters = (...args: readonly string[]) => bed.celeriac("-b", server.url, "dead-letters", ...args);
    const { stdout: list } = await letters("list", "--json");
    expect(JSON.parse(list)).toMatchObject({ deadLetters: [{ id: "1", queue: "celery", task: "test.reject" }] });
    expect((await letters("show", "1")).stdout).toContain("not for me");
    expect((await letters("replay", "1")).code).toBe(0);
    expect((await letters("list", "--json")).stdout).toBe('{"deadLetters":[]}\n');
    expect((await letters("drop", "1")).code).toBe(1);
  });

  it("names its URLs in its help", async () => {
    expect((await bed.celeriac("--help")).stdout).toContain("redis://localhost:6379/0");
  });
});

describe("a worker on Redis that is told to stop", () => {
  it("by TERM lets its running task finish, and leaves the others", async () => {
    const worker = await bed.worker(["-c", "1"]);
    const [first, second] = [await sleep(2_000), await sleep(1)];
    await runs(1);
    expect(await worker.stop()).toBe(0);
    expect(await first.state()).toBe("SUCCESS");
    expect(await depth()).toMatchObject({ ready: 1, unacked: 0 });
    await bed.worker();
    expect(await second.get(PATIENCE)).toBe("slept");
  });

  it("by TERM hands back what does not finish within its grace, by QUIT all, at once", async () => {
    const worker = await bed.worker(["--grace", "0.2"]);
    const sent = await sleep(3_000);
    await runs(1);
    expect(await worker.stop()).toBe(6);
    expect(await depth()).toMatchObject({ ready: 1, unacked: 0 });
    const other = await bed.worker();
    await runs(2);
    expect(await other.stop("SIGQUIT")).toBe(6);
    expect(await depth()).toMatchObject({ ready: 1, unacked: 0 });
    await bed.worker();
    expect(await sent.get(PATIENCE)).toBe("slept");
  });

  it("by kill -9 has its task taken over within half a minute", async () => {
    const worker = await bed.worker();
    const sent = await sleep(2_000);
    await runs(1);
    await worker.stop("SIGKILL");
    const killedAt = performance.now();
    await bed.worker();
    await runs(2);
    expect(performance.now() - killedAt).toBeLessThan(TAKEN_OVER_MS);
    expect(await sent.get(PATIENCE)).toBe("slept");
  });
});

describe("a worker that is started", () => {
  it("while its Redis is down waits, says so, and is ready when that comes", async () => {
    await server.kill();
    const knock = knockAt(server.port);
    const starting = bed.worker();
    await knock;
    await server.start();
    const { log } = await starting;
    const waits = log.filter(({ msg }) => msg === "not available, waiting for it to come");
    expect(waits.length).toBeGreaterThan(0);
    expect(waits[0]).toMatchObject({ level: "warn" });
  });

  it("with a wrong password ends with 1, and says why in one line without it", async () => {
    await using closed = await RedisServer.start("--requirepass", "secret");
    const url = closed.url.replace("//", "//:wrong@");
    const { code, stderr } = await bed.celeriac("-A", "app.ts", "-b", url, "worker");
    expect(code).toBe(1);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^celeriac: .*it refuses the user or the password of the URL/);
    expect(stderr).not.toContain("wrong@");
  });

  it("on a Redis that evicts is warned", async () => {
    await using evicting = await RedisServer.start("--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb");
    const worker = await bed.worker(["-b", evicting.url]);
    const [warning] = worker.log.filter(({ msg }) => msg === "this Redis may lose messages");
    expect(warning).toMatchObject({ level: "warn", reason: expect.stringContaining("allkeys-lru") as string });
  });
});

function sleep(ms: number) {
  return bed.producer.sendTask("test.sleep", { args: [ms] });
}

async function depth(): Promise<unknown> {
  return (await bed.producer.broker()).inspect("celery");
}

/** Resolves once somebody has come to a port where nobody is any more. */
async function knockAt(port: number): Promise<void> {
  const door = createServer((socket) => socket.resetAndDestroy()).listen(port, "127.0.0.1");
  await once(door, "connection");
  door.close();
  await once(door, "close");
}

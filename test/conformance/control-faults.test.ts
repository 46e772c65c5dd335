import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect } from "vitest";
import { Celeriac } from "celeriac";
import { encodeCommand } from "../../src/control/command.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "../../src/control/exchanges.ts";
import { Child } from "../support/child-process.ts";
import { QUICKSTART, startWorker, type WorkerProcess } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { openConnections } from "../support/redis-stores.ts";
import { RedisServer } from "../support/redis.ts";
import { describe, it } from "../support/with-redis.ts";

const NODE = "celeriac@here";
const PATIENCE = { timeoutMs: 20_000 };
const MANY = new URL("../support/many-workers.ts", import.meta.url);

describe("remote control of workers in processes of their own", { timeout: 60_000 }, () => {
  let server: RedisServer;
  let asker: Celeriac;
  beforeEach(async () => {
    server = await RedisServer.start();
    asker = new Celeriac({ broker: server.url, resultBackend: server.url }, { env: {} });
  });
  afterEach(async () => {
    await asker.close();
    await server[Symbol.asyncDispose]();
  });

  const ping = async (): Promise<unknown> =>
    (await asker.control.ask("ping", {}, { destination: [NODE], timeoutMs: 2_000 })).get(NODE);

  const startOne = async (): Promise<WorkerProcess> => {
    const env = { CELERY_BROKER_URL: server.url, CELERY_RESULT_BACKEND: server.url };
    const worker = await startWorker(["-A", QUICKSTART, "worker", "-n", NODE, "-c", "4"], { cwd: tmpdir(), env });
    await eventually(async () => expect(await ping()).toEqual({ ok: "pong" }), PATIENCE);
    return worker;
  };

  const keys = async (): Promise<readonly string[]> => {
    await using look = openConnections(server.url).commands;
    return ((await look.command(["KEYS", "*"])) as string[]).sort();
  };

  /** Once the workers have greeted each other. */
  const keysAtRest = (): Promise<readonly string[]> =>
    eventually(async () => {
      const left = await keys();
      expect(left.filter(isOfControl)).toEqual([]);
      return left;
    }, PATIENCE);

  it("a flood of 10,000 commands leaves no task undone, no memory taken and nothing in the Redis", async () => {
    await using worker = await startOne();
    const memoryBefore = await memoryOf(worker.pid);
    const others = ["stats", "conf", "revoked", "active", "nosuch"];
    const flood = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 100) {
        const hundred = Array.from({ length: 100 }, (_, index) => others[index % others.length] ?? "");
        await Promise.all(
          hundred.map((method, index) =>
            index % 10 > 0
              ? asker.control.tell(method)
              : asker.control.ask(method, {}, { limit: 1, timeoutMs: 20_000 }),
          ),
        );
      }
    };
    const flooded = flood(10_000);
    const results: Promise<unknown>[] = [];
    for (let n = 0; n < 200; n += 1)
      results.push((await asker.sendTask("quickstart.add", { args: [n, 1] })).get({ timeoutMs: 30_000 }));
    expect(await Promise.all(results)).toEqual(results.map((_, n) => n + 1));
    await flooded;
    expect(await ping()).toEqual({ ok: "pong" });
    expect((await memoryOf(worker.pid)) - memoryBefore).toBeLessThan(150);
    expect((await keys()).filter(isOfControl)).toEqual([]);
    expect(await worker.stop()).toBe(0);
  });

  it("an answer for which the box is gone is dropped, and the next is given", async () => {
    await using worker = await startOne();
    const before = await keysAtRest();
    const { broadcaster } = await asker.broker();
    for (let n = 0; n < 50; n += 1) {
      const replyTo = { exchange: REPLY_EXCHANGE.name, routingKey: `gone${String(n)}`, ticket: "t" };
      const command = { method: "stats", arguments: {}, audience: {}, replyTo };
      await broadcaster?.broadcast(encodeCommand(command, { clock: 1, expiresAt: undefined }), CONTROL_EXCHANGE);
    }
    const asked = asker.control.ask("stats", {}, { limit: 2, timeoutMs: 500 });
    await using look = openConnections(server.url).commands;
    const boxes = (await look.command(["KEYS", `_kombu.binding.${REPLY_EXCHANGE.name}`])) as string[];
    if (boxes.length > 0) await look.command(["DEL", ...boxes]);
    expect((await asked).size).toBeLessThanOrEqual(1);
    expect(await ping()).toEqual({ ok: "pong" });
    expect(await keys()).toEqual(before);
    expect(worker.log.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("200 workers answer, every one, and leave nothing in the Redis", async () => {
    const processes = [0, 1, 2, 3].map((n) => new Child<string>(MANY, [server.url, String(n * 50), "50"]));
    try {
      await eventually(() => expect(processes.flatMap(({ news }) => news)).toHaveLength(4), { timeoutMs: 40_000 });
      const names = Array.from({ length: 200 }, (_, n) => `w${String(n)}@many`).sort();
      const limit = { limit: 200, timeoutMs: 15_000 };
      await eventually(async () => expect((await asker.control.ask("ping", {}, limit)).size).toBe(200), PATIENCE);
      const before = await keysAtRest();
      for (const method of ["ping", "stats"]) {
        const answers = await asker.control.ask(method, {}, limit);
        expect([...answers.keys()].sort()).toEqual(names);
        const answer = method === "ping" ? { ok: "pong" } : { pool: { "max-concurrency": 1 } };
        for (const one of answers.values()) expect(one).toMatchObject(answer);
      }
      expect(await keys()).toEqual(before);
      for (const one of processes) one.send("stop");
      await Promise.all(processes.map(({ exited }) => exited));
      expect((await keys()).filter(isOfControl)).toEqual([]);
    } finally {
      for (const one of processes) await one[Symbol.asyncDispose]();
    }
  });
});

/** In mebibytes. */
async function memoryOf(pid: number): Promise<number> {
  const [, kibibytes = "0"] = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${String(pid)}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}

function isOfControl(key: string): boolean {
  return /pidbox|reply|celeriac:boxes/.test(key);
}

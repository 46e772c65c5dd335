import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Broadcaster } from "../../src/broker/broadcaster.ts";
import { encodeCommand } from "../../src/control/command.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "../../src/control/exchanges.ts";
import { readReply } from "../../src/control/reply.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { BLOCKING_TASKS, unblock } from "../support/blocking-worker.ts";
import { openCliBed, type CliBed, type WorkerProcess } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { HAS_REDIS, RedisServer } from "../support/redis.ts";

const NODE = "w1@here";
const PATIENCE = { timeoutMs: 30_000 };
type Dict = Readonly<Record<string, unknown>>;

const PLACES: readonly (readonly [string, () => Promise<RedisServer | undefined>])[] = [
  ["SQLite", () => Promise.resolve(undefined)],
  ...(HAS_REDIS ? ([["Redis", () => RedisServer.start()]] as const) : []),
];

describe.each(PLACES)("a worker whose event loop is blocked, on %s", (_name, startServer) => {
  let server: RedisServer | undefined;
  let bed: CliBed;
  let worker: WorkerProcess;
  beforeEach(async () => {
    server = await startServer();
    bed = await openCliBed(BLOCKING_TASKS, server?.url);
    worker = await bed.worker(["-n", NODE, "-c", "2", "--health-port", "0"]);
  });
  afterEach(async () => {
    await bed[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const ask = async (method: string, args: Dict = {}): Promise<unknown> => {
    const answers = await bed.producer.control.ask(method, args, { destination: [NODE] });
    return answers.get(NODE);
  };
  const liveness = async (): Promise<Dict> => {
    const answer = await ask("liveness");
    if (answer === undefined) throw new Error(`${NODE} does not answer.`);
    return answer as Dict;
  };
  /** Resolves with the id of the task that blocks it, once that is known. */
  const block = async (): Promise<string> => {
    const { id } = await bed.producer.sendTask("test.block");
    await eventually(async () => expect(await liveness()).toMatchObject({ state: "wedged", task: { id } }), PATIENCE);
    return id;
  };
  const health = (path: string) => healthOf(worker, path);

  it("is told of by its thread: that it answers, what it runs, and that it is wedged in which task", async () => {
    await eventually(async () => expect(await liveness()).toMatchObject({ state: "up" }), PATIENCE);
    const before = clock.now() / 1_000;
    const id = await block();
    const told = await liveness();
    expect(told).toMatchObject({
      state: "wedged",
      why: "event loop blocked",
      task: { id, name: "test.block" },
      oldest_task: { id },
      running: 1,
      capacity: 2,
      answered_by: "thread",
      pid: worker.pid,
    });
    expect(told["since"]).toBeGreaterThan(before - 5);
    expect(told["since"]).toBeLessThan(clock.now() / 1_000);
    expect(await ask("ping")).toEqual({ ok: "pong" });
    expect(await ask("active")).toMatchObject([{ id, name: "test.block", hostname: NODE, worker_pid: worker.pid }]);
    expect(await ask("query_task", { ids: [id, "other"] })).toMatchObject({ [id]: ["active", { id }] });
    expect(await ask("registered")).toEqual(["test.add", "test.block"]);
    expect(await ask("stats")).toMatchObject({ pid: worker.pid, pool: { "max-concurrency": 2 } });
    expect(await ask("active_queues")).toMatchObject([{ name: "celery" }]);
    expect(await ask("hello", { from_node: "other@here" })).toMatchObject({ revoked: [] });
    const status = await bed.withApp("status", "-d", NODE);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining(`${NODE}: WEDGED since 2`) as unknown });
    expect(status.stdout).toContain(`event loop blocked in test.block[${id}]`);
    await unblock(bed);
    await eventually(async () => {
      expect(await liveness()).toMatchObject({ state: "up", answered_by: "event loop" });
    }, PATIENCE);
    expect((await bed.withApp("status", "-d", NODE)).stdout).toContain(`->  ${NODE}: OK\n`);
  });

  it("does what it is told once it is free, and answers each asker once, around that moment too", async () => {
    const broadcaster = (await bed.producer.broker()).broadcaster as Broadcaster;
    await block();
    const { tickets, replies, done } = await askOften(broadcaster, async (asked) => {
      if (asked === 5) expect(await ask("pool_grow", { n: 3 })).toBeUndefined();
      if (asked === 20) await unblock(bed);
    });
    await eventually(() => expect(new Set(replies)).toEqual(new Set(tickets)), PATIENCE);
    await eventually(async () => expect(await liveness()).toMatchObject({ state: "up", capacity: 5 }), PATIENCE);
    expect(replies.toSorted()).toEqual(tickets.toSorted());
    await done();
  });

  it("is not taken for gone: its heartbeats go on, and tell of its state", async () => {
    await using receiver = await bed.producer.events({ pattern: "worker.#" });
    const id = await block();
    const events = receiver[Symbol.asyncIterator]();
    let told = 0;
    while (told < 2) {
      const { value: event } = await events.next();
      if (event?.type !== "worker-heartbeat" || event.liveness?.["state"] !== "wedged") continue;
      expect(event).toMatchObject({ hostname: NODE, pid: worker.pid, freq: 2, active: 1, sw_ident: "celeriac" });
      expect(event.liveness).toMatchObject({ state: "wedged", task: { id, name: "test.block" } });
      told += 1;
    }
    await unblock(bed);
    for (;;) {
      const { value: event } = await events.next();
      if (event?.type === "worker-heartbeat" && event.liveness?.["state"] !== "wedged") break;
    }
  });

  it("answers nothing under SIGSTOP, and is itself again after it", async () => {
    await eventually(async () => expect(await liveness()).toMatchObject({ state: "up" }), PATIENCE);
    worker.signal("SIGSTOP");
    expect(await ask("ping")).toBeUndefined();
    worker.signal("SIGCONT");
    await eventually(async () => expect(await liveness()).toMatchObject({ state: "up" }), PATIENCE);
  });

  it("shows its health: live, but not ready while it is blocked", async () => {
    await eventually(async () => expect(await health("/ready")).toMatchObject([200, { ready: true }]), PATIENCE);
    const id = await block();
    const wedged = { state: "wedged", task: { id, name: "test.block" } };
    expect(await health("/ready")).toMatchObject([503, { ready: false, why: "event loop blocked", ...wedged }]);
    expect(await health("/live")).toMatchObject([200, { live: true, ...wedged }]);
    await unblock(bed);
    await eventually(async () => expect(await health("/ready")).toMatchObject([200, { state: "up" }]), PATIENCE);
    expect(await worker.stop()).toBe(0);
  });
});

/** What a worker's health endpoint answers. */
async function healthOf({ log }: WorkerProcess, path: string): Promise<readonly [number, Dict]> {
  const response = await fetch(`${urlIn(log)}${path}`);
  return [response.status, (await response.json()) as Dict];
}

function urlIn(log: WorkerProcess["log"]): string {
  return String(log.find(({ msg }) => msg === "health is served")?.["url"]);
}

/** Pings every few milliseconds, and notes the ticket of every reply. */
async function askOften(broadcaster: Broadcaster, meanwhile: (asked: number) => Promise<void>) {
  const routingKey = randomUUID();
  const listener = await broadcaster.listen(REPLY_EXCHANGE, { pattern: routingKey });
  const tickets: string[] = [];
  const replies: string[] = [];
  const listening = (async () => {
    for await (const message of listener) replies.push(readReply(message).ticket);
  })();
  for (let asked = 0; asked < 60; asked += 1) {
    await meanwhile(asked);
    const ticket = randomUUID();
    const replyTo = { exchange: REPLY_EXCHANGE.name, routingKey, ticket };
    const command = { method: "ping", arguments: {}, audience: { destination: [NODE] }, replyTo };
    tickets.push(ticket);
    await broadcaster.broadcast(encodeCommand(command, { clock: 1, expiresAt: undefined }), CONTROL_EXCHANGE);
    await clock.sleep(20);
  }
  const done = async (): Promise<void> => {
    await listener[Symbol.asyncDispose]();
    await listening;
  };
  return { tickets, replies, done };
}

describe("the health endpoint of a worker", () => {
  it("is refused where another listens, and where the options make no sense", async () => {
    await using bed = await openCliBed(BLOCKING_TASKS);
    const first = await bed.worker(["--health-port", "0"]);
    const url = new URL(urlIn(first.log));
    const second = await bed.withApp("worker", "--health-port", url.port);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`The health endpoint cannot listen on 127.0.0.1:${url.port} (listen EADDRINUSE`);
    expect(await bed.withApp("worker", "--health-port", "99999")).toMatchObject({ code: 2 });
    expect(await bed.withApp("worker", "--health-host", "0.0.0.0")).toMatchObject({ code: 2 });
  });

  it.skipIf(!HAS_REDIS)("says that it is not ready while its broker is away, and is again", async () => {
    await using server = await RedisServer.start();
    await using bed = await openCliBed(BLOCKING_TASKS, server.url);
    const worker = await bed.worker(["--health-port", "0"]);
    await eventually(async () => expect(await healthOf(worker, "/ready")).toMatchObject([200, {}]), PATIENCE);
    await server.kill();
    await eventually(async () => {
      const why = "the broker is away";
      expect(await healthOf(worker, "/ready")).toMatchObject([503, { ready: false, why, state: "up" }]);
    }, PATIENCE);
    expect(await healthOf(worker, "/live")).toMatchObject([200, { live: true }]);
    await server.start();
    await eventually(async () => expect(await healthOf(worker, "/ready")).toMatchObject([200, {}]), PATIENCE);
  });
});

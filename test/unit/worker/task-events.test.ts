import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Celeriac, Ignore, Reject, type CeleriacConfig, type ReceivedEvent, type TaskContext } from "celeriac";
import { memory } from "celeriac/memory";
import { Worker } from "celeriac/worker";

const WAIT = { timeoutMs: 5_000 };
let opened: AsyncDisposable[];
let app: Celeriac;
let events: AsyncIterator<ReceivedEvent, void>;
let worker: Worker;

beforeEach(() => {
  opened = [];
});
afterEach(async () => {
  for (const one of opened.reverse()) await one[Symbol.asyncDispose]();
});

/** A worker that sends task events, whose events are heard from its beginning. */
async function open(config: CeleriacConfig = {}): Promise<void> {
  const adapter = memory();
  app = new Celeriac({ broker: adapter, resultBackend: adapter, workerSendTaskEvents: true, ...config }, { env: {} });
  const receiver = await app.events();
  events = receiver[Symbol.asyncIterator]();
  worker = new Worker(app, { hostname: "w@h", concurrency: 1 });
  opened.push(app, receiver, worker);
}

/** The next events, without the fields that all have; heartbeats are left out. */
async function next(count: number): Promise<readonly object[]> {
  const seen: object[] = [];
  while (seen.length < count) {
    const { done, value } = await events.next();
    if (done === true) throw new Error("There are no more events.");
    const { hostname, utcoffset: _utcoffset, pid, clock: _clock, timestamp: _timestamp, ...own } = value;
    const { local_received: _received, ...rest } = own as Readonly<Record<string, unknown>>;
    expect([hostname, pid]).toEqual(["w@h", process.pid]);
    if (rest["type"] !== "worker-heartbeat") seen.push(rest);
  }
  return seen;
}

async function online(): Promise<void> {
  await worker.start();
  expect(await next(1)).toMatchObject([{ type: "worker-online", freq: 2, active: 0, processed: 0 }]);
}

const traceback: unknown = expect.stringContaining("task-events.test.ts");

describe("a worker that sends task events", () => {
  it("tells of a task's success, from its beginning to its end", async () => {
    await open();
    const add = app.task("add", { params: ["x", "y"] }, (x: number, y: number) => ({ sum: x + y, ok: true }));
    await online();
    const { id: uuid } = await add.delay(1, 2);
    expect(await next(3)).toEqual([
      {
        type: "task-received",
        ...{ uuid, name: "add", args: "(1, 2)", kwargs: "{}", root_id: uuid, parent_id: null },
        ...{ retries: 0, eta: null, expires: null },
      },
      { type: "task-started", uuid },
      { type: "task-succeeded", uuid, result: "{'sum': 3, 'ok': True}", runtime: expect.any(Number) as number },
    ]);
    await worker.stop();
    expect(await next(1)).toMatchObject([{ type: "worker-offline", active: 0, processed: 1 }]);
  });

  it("cuts what a result is shown as", async () => {
    await open();
    const large = app.task("large", (length: number) => "x".repeat(length));
    await online();
    for (const length of [2_000, 200_000]) {
      await large.delay(length);
      const [, , succeeded] = (await next(3)) as readonly { readonly result?: string }[];
      expect(succeeded?.result).toMatch(/^['"]x{900,1100}\.\.\.'?$/);
    }
  });

  it("tells of a failure", async () => {
    await open();
    const fail = app.task("fail", () => {
      throw new TypeError("no");
    });
    await online();
    const { id: uuid } = await fail.delay();
    expect((await next(3)).slice(1)).toEqual([
      { type: "task-started", uuid },
      { type: "task-failed", uuid, exception: "TypeError('no')", traceback },
    ]);
  });

  it("tells of a retry and of the run after it", async () => {
    await open();
    const flaky = app.task("flaky", { bind: true }, (ctx: TaskContext) => {
      if (ctx.retries === 0) throw ctx.retry({ error: new Error("not yet"), delayMs: 0 });
      return null;
    });
    await online();
    const { id: uuid } = await flaky.delay();
    expect(await next(6)).toMatchObject([
      { type: "task-received", uuid, retries: 0 },
      { type: "task-started", uuid },
      { type: "task-retried", uuid, exception: "Error('not yet')", traceback },
      { type: "task-received", uuid, retries: 1 },
      { type: "task-started", uuid },
      { type: "task-succeeded", uuid, result: "None" },
    ]);
  });

  it("tells of what is revoked, expired, or waits for its time, which it does not run", async () => {
    await open();
    const noop = app.task("noop", () => null);
    const revoked = await noop.applyAsync({ taskId: "revoked" });
    await revoked.revoke();
    await noop.applyAsync({ taskId: "expired", expires: new Date(Date.now() - 1_000) });
    const eta = new Date(Date.now() + 150);
    await noop.applyAsync({ taskId: "later", eta });
    await online();
    const never = { type: "task-revoked", terminated: false, signum: null };
    const told = await next(4);
    expect(told).toContainEqual({ ...never, uuid: "revoked", expired: false });
    expect(told).toContainEqual({ ...never, uuid: "expired", expired: true });
    const [, , ...later] = told;
    expect(later).toMatchObject([{ type: "task-received", uuid: "later" }, { type: "task-started" }]);
  });

  it("tells of a run that is ended", async () => {
    await open();
    const sleep = app.task("sleep", { bind: true }, async (ctx: TaskContext) => {
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    });
    await online();
    const result = await sleep.delay();
    await next(2);
    await result.revoke({ terminate: true });
    const terminated = { type: "task-revoked", terminated: true, signum: 15, expired: false };
    expect(await next(1)).toEqual([{ ...terminated, uuid: result.id }]);
  });

  it("tells of what is rejected, and nothing of what is ignored", async () => {
    await open();
    const refuse = app.task("refuse", { bind: true }, (ctx: TaskContext) => {
      throw new Reject("not mine", { requeue: ctx.delivery.deliveries === 1 });
    });
    const ignore = app.task("ignore", () => {
      throw new Ignore();
    });
    await online();
    const { id: uuid } = await refuse.delay();
    expect(await next(7)).toMatchObject([
      { type: "task-received", uuid },
      { type: "task-started", uuid },
      { type: "task-rejected", uuid, requeue: true },
      { type: "task-received", uuid },
      { type: "task-started", uuid },
      { type: "task-rejected", uuid, requeue: false },
      { type: "task-failed", uuid, exception: "Reject('not mine')" },
    ]);
    await ignore.delay();
    await next(2);
    await worker.stop();
    expect(await next(1)).toMatchObject([{ type: "worker-offline", processed: 3 }]);
  });

  it("tells of a run that it gives up", async () => {
    await open();
    const endless = app.task("endless", { bind: true }, () => new Promise(() => undefined));
    await online();
    const { id: uuid } = await endless.delay();
    await next(2);
    await worker.stop({ graceMs: 0 });
    expect(await next(2)).toMatchObject([{ type: "task-cancelled", uuid }, { type: "worker-offline" }]);
  });

  it("tells nothing of a task that is not to be told of", async () => {
    await open();
    const quiet = app.task("quiet", { sendEvents: false }, () => null);
    await online();
    await (await quiet.delay()).get(WAIT);
    await worker.stop();
    expect(await next(1)).toMatchObject([{ type: "worker-offline", processed: 1 }]);
  });
});

it("a worker tells of itself alone where nothing is said", async () => {
  await open({ workerSendTaskEvents: false });
  const noop = app.task("noop", () => null);
  await online();
  await (await noop.delay()).get(WAIT);
  await worker.stop();
  expect(await next(1)).toMatchObject([{ type: "worker-offline", processed: 1 }]);
});

it("a worker without heartbeats does not tell of itself, but of its tasks", async () => {
  await open({ workerHeartbeatInterval: null });
  const noop = app.task("noop", () => null);
  await worker.start();
  await (await noop.delay()).get(WAIT);
  await worker.stop();
  expect(await next(3)).toMatchObject([
    { type: "task-received" },
    { type: "task-started" },
    { type: "task-succeeded" },
  ]);
});

it("a producer that is told to tells of each task that it sent, and sends that before it is closed", async () => {
  const adapter = memory();
  await using monitor = new Celeriac({ broker: adapter }, { env: {} });
  await using receiver = await monitor.events({ pattern: "task.sent" });
  const producer = new Celeriac(
    { broker: adapter, taskSendSentEvent: true, taskRoutes: { "mail.*": { queue: "mail" } } },
    { env: {} },
  );
  const send = producer.task("mail.send", { unique: {} }, (to: string) => to);
  const { id } = await send.applyAsync({ args: ["a"], expires: new Date("2030-01-01T00:00:00Z") });
  await send.delay("a"); // forestalled by the first
  await producer.sendTask("other", { kwargs: { x: null } });
  await producer.close();
  const heard: ReceivedEvent[] = [];
  for await (const event of receiver) if (heard.push(event) === 2) break;
  expect(heard).toMatchObject([
    {
      hostname: expect.stringMatching(`^gen${process.pid}@`) as string,
      type: "task-sent",
      ...{ uuid: id, root_id: id, parent_id: null, name: "mail.send", args: "('a',)", kwargs: "{}", retries: 0 },
      ...{ eta: null, expires: "2030-01-01T00:00:00+00:00", queue: "mail", exchange: "", routing_key: "mail" },
    },
    { type: "task-sent", name: "other", kwargs: "{'x': None}", queue: "celery" },
  ]);
});

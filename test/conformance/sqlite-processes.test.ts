import { randomUUID } from "node:crypto";
import { Celeriac } from "celeriac";
import { sqlite } from "celeriac/sqlite";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger } from "../../src/util/logger.ts";
import { Child } from "../support/child-process.ts";
import { eventually } from "../support/eventually.ts";
import { LEASE_MS, messageOf, openBroker, QUEUE, type News } from "../support/sqlite-child.ts";
import { sqliteFile } from "../support/sqlite-file.ts";
import { TASK, type WorkerNews } from "../support/sqlite-worker.ts";

const PATIENCE = { timeoutMs: 60_000 };
const TEST_TIMEOUT_MS = 90_000;

describe("several processes on one SQLite file", { timeout: TEST_TIMEOUT_MS }, () => {
  it("hand every message of four producers to one of four consumers, once", async () => {
    await using file = await sqliteFile();
    const each = 500;
    await using processes = new Processes(file.path);
    const consumers = processes.start(4, "consume");
    const producers = processes.start(4, "produce", each);
    await eventually(() => {
      expect(failuresOf([...producers, ...consumers])).toEqual([]);
      expect(sentBy(producers)).toHaveLength(4 * each);
    }, PATIENCE);
    await eventually(() => expect(receivedBy(consumers).length).toBeGreaterThanOrEqual(4 * each), PATIENCE);
    expect(receivedBy(consumers).toSorted()).toEqual(sentBy(producers).toSorted());
    await using broker = openBroker(file.path);
    expect(await broker.inspect(QUEUE)).toMatchObject({ ready: 0, delayed: 0, unacked: 0, consumers: 4 });
  });

  it("open a fresh file at once, sixteen of them", async () => {
    await using file = await sqliteFile();
    await using processes = new Processes(file.path);
    const openers = processes.start(16, "open");
    await Promise.all(openers.map((child) => child.exited));
    expect(openers.flatMap((child) => child.news)).toEqual(openers.map(() => ({ ready: true })));
  });

  it("take over what a killed consumer held, after its lease", async () => {
    await using file = await sqliteFile();
    await using broker = openBroker(file.path);
    await broker.declare({ queues: [{ name: QUEUE }] });
    await broker.publish([toQueue("held")]);
    await using processes = new Processes(file.path);
    const [holder] = processes.start(1, "hold");
    await eventually(() => expect(receivedBy([holder])).toEqual(["held"]), PATIENCE);
    const [heir] = processes.start(1, "consume");
    await eventually(() => expect(heir?.news).toContainEqual({ ready: true }), PATIENCE);
    await holder?.kill();
    const killedAt = Date.now();
    await eventually(() => expect(receivedBy([heir])).toEqual(["held"]), PATIENCE);
    expect(Date.now() - killedAt).toBeLessThan(LEASE_MS + 5_000);
    expect(heir?.news).toContainEqual(expect.objectContaining({ received: "held", deliveries: 2 }));
  });

  it("lose no send that resolved before its producer was killed", async () => {
    await using file = await sqliteFile();
    await using processes = new Processes(file.path);
    const producers = processes.start(3, "produce", 1_000_000);
    for (const producer of producers) {
      await eventually(() => expect(sentBy([producer]).length).toBeGreaterThan(200), PATIENCE);
      await producer.kill();
    }
    const consumers = processes.start(1, "consume");
    await eventually(
      () => expect(receivedBy(consumers)).toEqual(expect.arrayContaining([...sentBy(producers)])),
      PATIENCE,
    );
  });
});

/** The promised bounds; a busy machine may miss them in a try or two. */
describe("a worker with results, alone with an SQLite file", { timeout: TEST_TIMEOUT_MS }, () => {
  const TRIES = 3;
  const LONGEST_MEDIAN_MS = 20;
  const LARGEST_SHARE = 0.01;

  it("starts a task within 20 ms of another process beginning to send it, at the median", async () => {
    await using file = await sqliteFile();
    await using worker = await startWorker(file.path);
    const adapter = sqlite(file);
    const app = new Celeriac({ broker: adapter, resultBackend: adapter }, { env: {}, log: silentLogger });
    const medians: number[] = [];
    while (medians.length < TRIES && !medians.some((ms) => ms <= LONGEST_MEDIAN_MS)) {
      const latencies: number[] = [];
      for (let round = 0; round < 30; round += 1) latencies.push(await latencyOf(app, worker));
      medians.push(median(latencies));
    }
    await app.close();
    expect(Math.min(...medians)).toBeLessThanOrEqual(LONGEST_MEDIAN_MS);
  });

  it("takes less than 1 % of a core while it waits", async () => {
    await using file = await sqliteFile();
    await using worker = await startWorker(file.path, 3_000);
    const shares = () => worker.news.flatMap((news) => ("cpuShare" in news ? [news.cpuShare] : []));
    await eventually(() => {
      if (shares().length < TRIES) expect(Math.min(...shares())).toBeLessThan(LARGEST_SHARE);
    }, PATIENCE);
    expect(Math.min(...shares())).toBeLessThan(LARGEST_SHARE);
  });
});

/** Found or installed by the tests' global setup. */
const anotherNode = process.env["CELERIAC_TEST_NODE24"] ?? "";

describe.skipIf(anotherNode === "")("two drivers on one SQLite file", { timeout: TEST_TIMEOUT_MS }, () => {
  it("pass messages both ways", async () => {
    await using file = await sqliteFile();
    await using processes = new Processes(file.path, anotherNode);
    await using broker = openBroker(file.path);
    const [consumer] = processes.start(1, "consume");
    await eventually(() => expect(consumer?.news).toContainEqual({ ready: true }), PATIENCE);
    await broker.publish([toQueue("from here")]);
    await eventually(() => expect(receivedBy([consumer])).toEqual(["from here"]), PATIENCE);
    await consumer?.kill();
    const [producer] = processes.start(1, "produce", 100);
    const received: string[] = [];
    for await (const delivery of broker.consume([QUEUE], { prefetch: 10 })) {
      received.push(Buffer.from(delivery.message.body).toString());
      await delivery.ack();
      if (received.length === 100) break;
    }
    await producer?.exited;
    expect(received.toSorted()).toEqual(sentBy([producer]).toSorted());
  });
});

/** Killed when disposed. */
async function startWorker(path: string, windowMs = 0): Promise<Child<WorkerNews>> {
  const program = new URL("../support/sqlite-worker.ts", import.meta.url);
  const worker = new Child<WorkerNews>(program, [path, String(windowMs)]);
  await eventually(() => expect(worker.news).toContainEqual({ ready: true }), PATIENCE);
  return worker;
}

/** From the send here to the first line of the task over there, in milliseconds. */
async function latencyOf(app: Celeriac, worker: Child<WorkerNews>): Promise<number> {
  const id = randomUUID();
  const sentAt = performance.timeOrigin + performance.now();
  const result = await app.sendTask(TASK, { args: [id] });
  const started = await eventually(() => {
    const news = worker.news.find((one) => "started" in one && one.started === id);
    if (news === undefined || !("started" in news)) throw new Error("The task has not started.");
    return news;
  }, PATIENCE);
  await result.get({ timeoutMs: PATIENCE.timeoutMs });
  // The next one is for a worker at rest again.
  await systemClock.sleep(30);
  return started.at - sentAt;
}

/** Children on one file, killed when disposed. */
class Processes implements AsyncDisposable {
  readonly #path: string;
  readonly #execPath: string;
  readonly #children: Child<News>[] = [];

  constructor(path: string, execPath: string = process.execPath) {
    this.#path = path;
    this.#execPath = execPath;
  }

  start(count: number, role: string, number = 0): Child<News>[] {
    const program = new URL("../support/sqlite-child.ts", import.meta.url);
    const args = [role, this.#path, String(number)];
    const started = Array.from({ length: count }, () => new Child<News>(program, args, { execPath: this.#execPath }));
    this.#children.push(...started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => child[Symbol.asyncDispose]()));
  }
}

type Told = Child<News> | undefined;

function failuresOf(children: readonly Child<News>[]): readonly string[] {
  return children.flatMap(({ news }) => news.flatMap((each) => ("failed" in each ? [each.failed] : [])));
}

function sentBy(children: readonly Told[]): readonly string[] {
  return newsOf(children).flatMap((news) => ("sent" in news ? [news.sent] : []));
}

function receivedBy(children: readonly Told[]): readonly string[] {
  return newsOf(children).flatMap((news) => ("received" in news ? [news.received] : []));
}

function newsOf(children: readonly Told[]): readonly News[] {
  return children.flatMap((child) => child?.news ?? []);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function toQueue(text: string): {
  message: ReturnType<typeof messageOf>;
  route: { exchange: string; routingKey: string };
} {
  return { message: messageOf(text), route: { exchange: "", routingKey: QUEUE } };
}

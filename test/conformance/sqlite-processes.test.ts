import { describe, expect, it } from "vitest";
import { Child } from "../support/child-process.ts";
import { eventually } from "../support/eventually.ts";
import { LEASE_MS, messageOf, openBroker, QUEUE, type News } from "../support/sqlite-child.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const PATIENCE = { timeoutMs: 60_000 };
const TEST_TIMEOUT_MS = 90_000;

describe("several processes on one SQLite file", { timeout: TEST_TIMEOUT_MS }, () => {
  it("hand every message of four producers to one of four consumers, once", async () => {
    await using file = await sqliteFile();
    const each = 500;
    await using processes = new Processes(file.path);
    const consumers = processes.start(4, "consume");
    const producers = processes.start(4, "produce", each);
    await eventually(() => expect(sentBy(producers)).toHaveLength(4 * each), PATIENCE);
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

  it("wake each other quickly", async () => {
    await using file = await sqliteFile();
    await using broker = openBroker(file.path);
    await using processes = new Processes(file.path);
    const [consumer] = processes.start(1, "consume");
    await eventually(() => expect(consumer?.news).toContainEqual({ ready: true }), PATIENCE);
    const latencies: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      const sentAt = performance.timeOrigin + performance.now();
      await broker.publish([toQueue(`${round}`)]);
      const arrivedAt = await eventually(() => arrivalOf(consumer, `${round}`), PATIENCE);
      latencies.push(arrivedAt - sentAt);
    }
    // Twenty times what a quiet machine takes.
    expect(median(latencies)).toBeLessThan(50);
  });

  it("cost next to nothing while they wait", async () => {
    await using file = await sqliteFile();
    await using processes = new Processes(file.path);
    const [idle] = processes.start(1, "idle", 3_000);
    await idle?.exited;
    expect(idle?.news.at(-1)).toEqual({ cpuShare: expect.any(Number) as number });
    expect((idle?.news.at(-1) as { cpuShare: number }).cpuShare).toBeLessThan(0.02);
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

function sentBy(children: readonly Told[]): readonly string[] {
  return newsOf(children).flatMap((news) => ("sent" in news ? [news.sent] : []));
}

function receivedBy(children: readonly Told[]): readonly string[] {
  return newsOf(children).flatMap((news) => ("received" in news ? [news.received] : []));
}

function newsOf(children: readonly Told[]): readonly News[] {
  return children.flatMap((child) => child?.news ?? []);
}

function arrivalOf(child: Told, text: string): number {
  const news = child?.news.find((one) => "received" in one && one.received === text);
  if (news === undefined || !("received" in news)) throw new Error(`"${text}" has not arrived.`);
  return news.at;
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

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ReceivedEvent } from "celeriac";
import { openTestBed, TEST_BEDS, type TestBed } from "../support/test-apps.ts";

const WAIT = { timeoutMs: 10_000 };

describe.each(TEST_BEDS.filter((name) => name !== "memory"))("events on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
  });
  afterEach(async () => {
    await bed[Symbol.asyncDispose]();
  });

  it("reach a monitor elsewhere: a worker's life, and what becomes of its tasks, in order", async () => {
    await using monitor = await bed.app().events();
    const app = bed.app({ workerSendTaskEvents: true });
    const echo = app.task("echo", (value: unknown) => value);
    const worker = await bed.worker(app, { hostname: "w@h" });
    const sender = bed.app({ taskSendSentEvent: true });
    const { id } = await sender.sendTask("echo", { args: ["ü"] });
    await app.result(id).get(WAIT);
    await (await echo.delay({ now: new Date(0) })).get(WAIT);

    const heard: ReceivedEvent[] = [];
    const isBeat = ({ type }: ReceivedEvent): boolean => type === "worker-heartbeat";
    for await (const event of monitor) {
      heard.push(event);
      if (heard.some(isBeat) && worker.state === "running") void worker.stop();
      if (event.type === "worker-offline") break;
    }
    const own = heard.filter(({ hostname }) => hostname === "w@h");
    expect(own.filter((event) => !isBeat(event))).toMatchObject([
      { type: "worker-online", freq: 2, active: 0, processed: 0, sw_ident: "celeriac" },
      { type: "task-received", uuid: id, name: "echo", args: "('ü',)" },
      { type: "task-started", uuid: id },
      { type: "task-succeeded", uuid: id, result: "'ü'" },
      { type: "task-received" },
      { type: "task-started" },
      { type: "task-succeeded", result: expect.stringContaining("datetime.datetime(1970, 1, 1") as string },
      { type: "worker-offline", active: 0, processed: 2 },
    ]);
    const runtimes = own.flatMap((event) => (event.type === "task-succeeded" ? [event.runtime] : []));
    for (const runtime of runtimes) expect(runtime).toBeGreaterThan(0); // else Flower counts no run
    expect(heard.filter(({ hostname }) => hostname !== "w@h")).toMatchObject([
      { type: "task-sent", uuid: id, queue: "celery" },
    ]);
    const clocks = own.map(({ clock }) => clock);
    // Whatever else the worker counts, what is later has counted more.
    expect(clocks).toEqual([...new Set(clocks)].sort((a, b) => a - b));
  });

  it("reach those alone who listen for them", async () => {
    await using workers = await bed.app().events({ pattern: "worker.#" });
    await using tasks = await bed.app().events({ pattern: "task.#" });
    const app = bed.app({ workerSendTaskEvents: true });
    const noop = app.task("noop", () => null);
    const worker = await bed.worker(app);
    await (await noop.delay()).get(WAIT);
    await worker.stop();
    const typesUntil = async (events: AsyncIterable<ReceivedEvent>, last: string): Promise<readonly string[]> => {
      const types: string[] = [];
      for await (const { type } of events) if (types.push(type) > 0 && type === last) break;
      return types.filter((type) => type !== "worker-heartbeat");
    };
    expect(await typesUntil(workers, "worker-offline")).toEqual(["worker-online", "worker-offline"]);
    expect(await typesUntil(tasks, "task-succeeded")).toEqual(["task-received", "task-started", "task-succeeded"]);
  });

  it("tell of a retry before its next run tells of anything", async () => {
    await using monitor = await bed.app().events({ pattern: "task.#" });
    const app = bed.app({ workerSendTaskEvents: true });
    const flaky = app.task("flaky", { bind: true }, (context) => {
      if (context.retries < 5) throw context.retry({ delayMs: 0, maxRetries: 5 });
    });
    await bed.worker(app, { concurrency: 2 });
    await flaky.delay();
    const types: string[] = [];
    for await (const event of monitor) {
      types.push(event.type);
      if (event.type === "task-received") expect(event.eta).toBeNull(); // due at once
      if (event.type === "task-succeeded") break;
    }
    const run = ["task-received", "task-started"];
    const retried = [...run, "task-retried"];
    expect(types).toEqual([...Array.from({ length: 5 }, () => retried).flat(), ...run, "task-succeeded"]);
  });

  it("of thousands of tasks arrive, every one", async () => {
    const count = 2_000;
    await using monitor = await bed.app().events({ pattern: "task.#" });
    const app = bed.app({ workerSendTaskEvents: true });
    const noop = app.task("noop", () => null);
    await app.sendBatch(Array.from({ length: count }, () => noop.s()));
    await bed.worker(app, { concurrency: 50 });
    const counts = new Map<string, number>();
    for await (const { type } of monitor) {
      counts.set(type, (counts.get(type) ?? 0) + 1);
      if (counts.get("task-succeeded") === count) break;
    }
    expect(Object.fromEntries(counts)).toEqual({
      "task-received": count,
      "task-started": count,
      "task-succeeded": count,
    });
    expect(bed.log.filter(({ message }) => message.startsWith("events "))).toEqual([]);
  });
});

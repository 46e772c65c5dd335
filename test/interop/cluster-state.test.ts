import { afterAll, beforeAll, expect, it } from "vitest";
import type { Cluster } from "../../src/events/cluster/cluster.ts";
import type { TaskInfo } from "../../src/events/cluster/task-record.ts";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

const WAIT = { timeoutMs: 15_000 };

describeInEachPlace((place) => {
  let shop: Shop;
  let cluster: Cluster;

  beforeAll(async () => {
    shop = await Shop.open({
      ...place,
      settings: { task_send_sent_event: true },
      config: { workerSendTaskEvents: true, taskSendSentEvent: true },
    });
    await shop.pythonWorker({ queues: ["python"], events: true });
    await shop.worker({ queues: ["typescript"], hostname: "ours@test" });
    cluster = await shop.app.cluster();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await shop[Symbol.asyncDispose]();
  });

  const comesTo = (id: string, expected: Partial<TaskInfo>): Promise<void> =>
    eventually(() => expect(cluster.task(id)).toMatchObject(expected), WAIT);

  it("both kinds of worker are there, as they tell of themselves", async () => {
    await eventually(() => {
      expect(cluster.worker("python@test")).toMatchObject({ state: "up", freq: 2, swIdent: "py-celery" });
      expect(cluster.worker("ours@test")).toMatchObject({ state: "up", freq: 2, swIdent: "celeriac" });
    }, WAIT);
    expect(cluster.worker("python@test")).toMatchObject({
      active: 0,
      loadavg: [expect.any(Number), expect.any(Number), expect.any(Number)] as number[],
    });
  });

  it("their tasks come into the same states, with the same fields", async () => {
    const call = { args: "(1,)", kwargs: "{'y': 2}", retries: 0, result: "3", state: "SUCCESS" } as const;
    const theirs = String(await shop.python(`task("python.add").delay(1, y=2).id`));
    await comesTo(theirs, { ...call, name: "python.add", worker: "python@test", routingKey: "python", rootId: theirs });
    const ours = await shop.app.sendTask("typescript.add", { args: [1], kwargs: { y: 2 } });
    await comesTo(ours.id, { ...call, name: "typescript.add", worker: "ours@test", routingKey: "typescript" });
    for (const id of [theirs, ours.id]) {
      const { sent = 0, received = 0, started = 0, succeeded = 0, runtime = -1, client } = cluster.task(id) ?? {};
      expect([sent, received, started, succeeded].every((time) => Math.abs(time - Date.now() / 1000) < 60)).toBe(true);
      expect(started).toBeGreaterThanOrEqual(received);
      expect(succeeded).toBeGreaterThanOrEqual(started);
      expect(runtime).toBeGreaterThanOrEqual(0);
      expect(client).toMatch(/^gen\d+@/);
    }
  });

  it("failures, retries, rejections and revocations of both are told", async () => {
    const failed = String(await shop.python(`task("python.fail").delay("ValueError").id`));
    await comesTo(failed, { state: "FAILURE", exception: "ValueError('no', 1, None)", worker: "python@test" });
    expect(cluster.task(failed)?.traceback).toContain("shop.py");
    const flaky = String(await shop.python(`task("python.flaky").delay(1, countdown=0).id`));
    await comesTo(flaky, { state: "SUCCESS", retries: 1, result: "1", exception: "OwnError('not yet')" });
    const rejected = String(await shop.python(`task("python.reject").delay().id`));
    // Celery 5.7 tells of it as a failure too, which is nearer to the end.
    const asNumber = expect.any(Number) as number;
    await comesTo(rejected, { rejected: asNumber, worker: "python@test" });
    expect(cluster.task(rejected)?.state).toBe(place.peer.name === "Celery 5.7" ? "FAILURE" : "REJECTED");
    const expired = String(await shop.python(`task("python.add").apply_async((1,), expires=-1).id`));
    await comesTo(expired, { state: "REVOKED" });
    const ours = await shop.app.sendTask("typescript.fail", { args: ["TypeError"] });
    await comesTo(ours.id, { state: "FAILURE", exception: "TypeError('no such thing')", worker: "ours@test" });
    const oursRejected = await shop.app.sendTask("typescript.reject");
    await comesTo(oursRejected.id, { state: "FAILURE", rejected: asNumber, worker: "ours@test" });
  });

  it("a task that one half calls from the other is its child", async () => {
    const mother = String(await shop.python(`task("python.delegate").delay().id`));
    await eventually(() => {
      const [child = ""] = cluster.task(mother)?.children ?? [];
      expect(cluster.task(child)).toMatchObject({ name: "typescript.request", worker: "ours@test", parentId: mother });
    }, WAIT);
  });

  it("counts hold for both, and a worker of Python's that ends is gone", async () => {
    const worker = await shop.pythonWorker({ queues: ["more"], events: true, pool: "solo" });
    await eventually(() => expect(cluster.worker("more@test")?.state).toBe("up"), WAIT);
    await worker[Symbol.asyncDispose]();
    await eventually(
      () => expect(cluster.worker("more@test")).toMatchObject({ state: "gone", saidGoodbye: true }),
      WAIT,
    );
    const { byWorker, byState } = cluster.taskCounts();
    for (const node of ["python@test", "ours@test"]) {
      const inList = cluster.tasks({ worker: node }).length;
      expect([...(byWorker.get(node)?.values() ?? [])].reduce((sum, count) => sum + count, 0)).toBe(inList);
    }
    expect([...byState.values()].reduce((sum, count) => sum + count, 0)).toBe(cluster.tasks().length);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReceivedEvent } from "../../src/events/event-receiver.ts";
import type { CeleryEvents } from "../support/celery-events.ts";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

describeInEachPlace((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({
      ...place,
      settings: { task_send_sent_event: true },
      config: { workerSendTaskEvents: true, taskSendSentEvent: true },
    });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  describe("`celery events --dump`", () => {
    let dump: CeleryEvents;
    const node = "ours@test";
    /** Resolves with the line that such an event of a task, or of our worker, is printed as. */
    const printed = (what: string, id = ""): Promise<string> =>
      eventually(
        () => {
          const line = dump.lines.find((one) => one.includes(`] ${what}`) && one.includes(id));
          if (line === undefined) throw new Error(`No line tells of "${what}" ${id}:\n${dump.lines.join("\n")}`);
          return line;
        },
        { timeoutMs: 15_000 },
      );

    beforeAll(async () => {
      dump = shop.celeryEvents();
      const first = await shop.worker({ queues: ["typescript"], hostname: "first@test" });
      await printed("heartbeat: ");
      await first.stop();
      await shop.worker({ queues: ["typescript"], hostname: node });
    });

    it("tells of our worker", async () => {
      expect(await printed("started: ")).toMatch(/^ours@test \[\d{4}-.* started: active=0, .*loadavg=\[[\d., ]+\], /);
      expect(await printed("shutdown: ")).toMatch(/^first@test .*sw_ident=celeriac, sw_sys=\w+, sw_ver=\d/);
    });

    it("tells of our task's success, with its call", async () => {
      const { id } = await shop.app.sendTask("typescript.add", { args: [1], kwargs: { y: 2 } });
      const call = `typescript.add(${id}) args=(1,) kwargs={'y': 2} `;
      expect(await printed("task sent: ", id)).toMatch(/^gen\d+@.* queue=typescript, .*routing_key=typescript/);
      expect(await printed("task received: ", id)).toContain(call);
      expect(await printed("task started: ", id)).toMatch(/^ours@test /);
      expect(await printed("task succeeded: ", id)).toMatch(/ result=3, runtime=[\d.e-]+, /);
    });

    it("tells of our task's failure, retry, rejection, revocation and expiry", async () => {
      const failed = await shop.app.sendTask("typescript.fail", { args: ["TypeError"] });
      expect(await printed("task failed: ", failed.id)).toContain("exception=TypeError('no such thing')");
      const retried = await shop.app.sendTask("typescript.flaky", { args: [1, 0] });
      expect(await printed("task retried: ", retried.id)).toContain("exception=OwnError('not yet')");
      const rejected = await shop.app.sendTask("typescript.reject");
      expect(await printed("task rejected: ", rejected.id)).toContain("requeue=False");
      const revoked = await shop.app.sendTask("typescript.add", { args: [1], countdownMs: 500 });
      await revoked.revoke();
      expect(await printed("task revoked: ", revoked.id)).toMatch(/expired=False, .*signum=None, terminated=False/);
      const expired = await shop.app.sendTask("typescript.add", { args: [1], expires: new Date(0) });
      expect(await printed("task revoked: ", expired.id)).toContain("expired=True");
    });
  });

  describe("our receiver", () => {
    it("reads what a worker and a producer in Python tell", async () => {
      await using receiver = await shop.app.events();
      const heard: ReceivedEvent[] = [];
      const hearing = (async () => {
        for await (const event of receiver) heard.push(event);
      })();
      const types = (uuid: string): readonly string[] =>
        heard.flatMap((event) => ("uuid" in event && event.uuid === uuid ? event.type : []));
      const told = (id: string, expected: readonly string[]): Promise<void> =>
        eventually(() => expect([...types(id)].sort()).toEqual([...expected].sort()), { timeoutMs: 15_000 });
      const find = (type: string, uuid: string): ReceivedEvent | undefined =>
        heard.find((event) => event.type === type && "uuid" in event && event.uuid === uuid);

      const worker = await shop.pythonWorker({ queues: ["python"], events: true });
      const id = String(await shop.python(`task("python.add").delay(1, y=2).id`));
      await told(id, ["task-sent", "task-received", "task-started", "task-succeeded"]);
      expect(find("task-sent", id)).toMatchObject({ name: "python.add", args: "(1,)", queue: "python" });
      expect(find("task-received", id)).toMatchObject({ kwargs: "{'y': 2}", root_id: id, parent_id: null, retries: 0 });
      expect(find("task-succeeded", id)).toMatchObject({ result: "3", runtime: expect.any(Number) as number });

      const failed = String(await shop.python(`task("python.fail").delay("ValueError").id`));
      await told(failed, ["task-sent", "task-received", "task-started", "task-failed"]);
      expect(find("task-failed", failed)).toMatchObject({
        exception: "ValueError('no', 1, None)",
        traceback: expect.stringContaining("shop.py") as string,
      });

      const flaky = String(await shop.python(`task("python.flaky").delay(1, countdown=0).id`));
      await eventually(() => expect(types(flaky)).toContain("task-retried"), { timeoutMs: 15_000 });
      expect(find("task-retried", flaky)).toMatchObject({ exception: "OwnError('not yet')" });

      const rejected = String(await shop.python(`task("python.reject").delay().id`));
      await eventually(() => expect(find("task-rejected", rejected)).toMatchObject({ requeue: false }));

      const expired = String(await shop.python(`task("python.add").apply_async((1,), expires=-1).id`));
      await eventually(() => expect(find("task-revoked", expired)).toMatchObject({ expired: true, signum: null }));

      const ended = String(await shop.python(`(ended := task("python.started").delay(30)).id`));
      await eventually(() => expect(types(ended)).toContain("task-started"));
      await shop.python("ended.revoke(terminate=True)");
      await eventually(() => expect(find("task-revoked", ended)).toMatchObject({ terminated: true, expired: false }));

      const ofWorkers = (): readonly ReceivedEvent[] => heard.filter(({ hostname }) => hostname === "python@test");
      const heardOf = (type: string): Promise<void> =>
        eventually(() => expect(ofWorkers().map((event) => event.type)).toContain(type));
      await heardOf("worker-heartbeat");
      await worker[Symbol.asyncDispose]();
      await heardOf("worker-offline");
      expect(ofWorkers()[0]).toMatchObject({ type: "worker-online", freq: 2, sw_ident: "py-celery" });
      expect(heard.every(({ timestamp, local_received: at }) => Math.abs(at - timestamp) < 60)).toBe(true);
      await receiver[Symbol.asyncDispose]();
      await hearing;
    });
  });
});

import { beforeEach, afterEach, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

const OURS = "ours@here";
const WAIT = { timeoutMs: 20_000 };
/** In seconds: nobody is taken for gone because the machine is busy. */
const HEARTBEAT_INTERVAL = 60;

describeInEachPlace((place) => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await Shop.open({ ...place, config: { workerHeartbeatInterval: HEARTBEAT_INTERVAL } });
  });
  afterEach(() => shop[Symbol.asyncDispose]());

  const ask = async (node: string, method: string, args = {}): Promise<unknown> =>
    eventually(async () => {
      const answers = await shop.app.control.ask(method, args, { destination: [node], timeoutMs: 2_000 });
      if (!answers.has(node)) throw new Error(`${node} does not answer.`);
      return answers.get(node);
    }, WAIT);

  it("what was revoked while only Python's workers were up does not run in ours, which starts later", async () => {
    await shop.pythonWorker({ queues: ["python"], neighbourly: true, pool: "solo" });
    await shop.app.sendTask("typescript.echo", { args: ["revoked"], taskId: "revoked-by-python" });
    await shop.celery("control", "revoke", "revoked-by-python");
    await shop.worker({ queues: ["typescript"], hostname: OURS });
    const other = await shop.app.sendTask("typescript.echo", { args: ["other"] });
    expect(await other.get(WAIT)).toBe("other");
    await expect(shop.app.result("revoked-by-python").get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
    expect(shop.received).toEqual(["other"]);
    expect(await ask(OURS, "revoked")).toEqual(["revoked-by-python"]);
  });

  it("a Python worker that starts later learns of ours what is revoked, and its clock goes on from ours", async () => {
    await shop.worker({ queues: ["typescript"], hostname: OURS });
    await ask(OURS, "revoke", { task_id: ["revoked-by-us"] });
    shop.app.lamport.adjust(5_000_000);
    await shop.app.sendTask("python.note", { args: ["revoked"], taskId: "revoked-by-us" });
    await shop.pythonWorker({ queues: ["python"], neighbourly: true, pool: "solo" });
    expect(await (await shop.app.sendTask("python.note", { args: ["other"] })).get(WAIT)).toBeNull();
    expect(await shop.python("notes()")).toEqual(["other"]);
    expect(await ask("python@test", "revoked")).toEqual(["revoked-by-us"]);
    expect(await ask("python@test", "clock")).toEqual({
      clock: expect.toSatisfy((clock) => clock > 5_000_000) as unknown,
    });
  });

  it("an election among Python's workers ends with as many of ours there, and one who stands alone lives on", async () => {
    const ours = ["ours1@here", "ours2@here"];
    for (const hostname of ours) await shop.worker({ queues: ["typescript"], hostname });
    /** Each is counted by Python's workers from here on: they have heard its heartbeat by the time that we have. */
    const allHeard = async (...nodes: readonly string[]): Promise<void> => {
      const silent = new Set([...ours, ...nodes]);
      for (const node of silent) await ask(node, "ping");
      await using events = await shop.app.events({ pattern: "worker.heartbeat" });
      await shop.app.control.tell("heartbeat");
      for await (const { hostname } of events) {
        silent.delete(hostname);
        if (silent.size === 0) return;
      }
    };
    const elect = (id: string): Promise<unknown> =>
      shop.python(`app.control.election('${id}', 'task', dict(app.signature('python.note', args=('${id}',))))`);
    const python = { neighbourly: true, pool: "solo", heartbeatInterval: HEARTBEAT_INTERVAL } as const;
    await shop.pythonWorker({ ...python, queues: ["python"] });
    await allHeard("python@test");
    await elect("alone");
    expect(await ask("python@test", "ping")).toEqual({ ok: "pong" });
    await shop.pythonWorker({ ...python, queues: ["more"] });
    await allHeard("python@test", "more@test");
    await elect("of two");
    await eventually(async () => expect(await shop.python("notes()")).toEqual(["of two"]), WAIT);
    expect(await ask("more@test", "ping")).toEqual({ ok: "pong" });
  });

  it("paused queues: Python's reader of `active_queues` shows them, and its workers can be told to stop", async () => {
    await shop.pythonWorker({ queues: ["typescript"], neighbourly: true, pool: "solo" });
    await shop.worker({ queues: ["typescript"], hostname: OURS });
    await shop.app.pauseQueue("typescript", { reason: "closed" });
    await ask(OURS, "ping");
    const shown = await eventually(async () => {
      const queues = await shop.celery("inspect", "active_queues", "-d", OURS);
      expect(queues).toContain("'reason': 'closed'");
      return queues;
    }, WAIT);
    expect(shown).toContain("'name': 'typescript'");
    await shop.celery("control", "cancel_consumer", "typescript", "-d", "typescript@test");
    const waits = await shop.app.sendTask("typescript.echo", { args: ["waits"] });
    await ask("typescript@test", "ping");
    expect(await shop.python("waiting('typescript')")).toEqual([1]);
    await shop.app.resumeQueue("typescript");
    expect(await waits.get(WAIT)).toBe("waits");
  });
});

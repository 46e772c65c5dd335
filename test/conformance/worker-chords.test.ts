import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Celeriac, Ignore, Reject, UnreadableResultError } from "celeriac";
import { memory } from "celeriac/memory";
import { Worker } from "celeriac/worker";
import { encodeTask } from "../../src/message/protocol-v2.ts";
import { NO_FOLLOW_UPS, type SignatureDict, type TaskRequest } from "../../src/message/task-request.ts";
import { eventually } from "../support/eventually.ts";
import { taskRequest } from "../support/task-request.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";

const WAIT = { timeoutMs: 10_000 };

/** Chords as Python's Celery sends them: each member carries the body. */
describe.each(RESULT_BEDS)("a worker's chords on %s", (bedName) => {
  let bed: TestBed;
  let app: Celeriac;
  let heard: unknown[];
  beforeEach(async () => {
    bed = await openTestBed(bedName);
    app = bed.app();
    heard = [];
    shareTasks(app);
  });
  afterEach(async () => {
    await bed[Symbol.asyncDispose]();
  });

  const shareTasks = (app: Celeriac): void => {
    app.task("double", (n: number) => n * 2);
    app.task("sum", (numbers: readonly number[]) => numbers.reduce((one, other) => one + other, 0));
    app.task("list", (values: unknown, more?: unknown) => (more === undefined ? values : [values, more]));
    app.task("hear", (what: unknown) => void heard.push(what));
    app.task("fail", () => {
      throw new TypeError("no such luck");
    });
  };

  const bodyResult = (body: SignatureDict): Promise<unknown> => app.result(String(body.options["task_id"])).get(WAIT);

  it("send the body with the members' results in the header's order, in the last one's family", async () => {
    app.task("tell", { bind: true }, (ctx, values: unknown) => [values, ctx.request.groupId, ctx.parentId, ctx.rootId]);
    const body = call("tell", { options: { group_id: "some-group" } });
    const [one] = await sendChord(app, [member("double", [1]), member("double", [2])], body);
    await bed.worker(app, { concurrency: 1 });
    const [values, group, parent, root] = (await bodyResult(body)) as readonly unknown[];
    expect(values).toEqual([2, 4]);
    expect(group).toBe("some-group");
    expect(parent).not.toBe(one?.id);
    expect(root).toBe(parent);
  });

  it("of many members on several workers run their body once", async () => {
    const runs: unknown[] = [];
    app.task("note", (values: readonly number[]) => runs.push(values.length));
    const body = call("note");
    await bed.worker(app, { concurrency: 5 });
    await bed.worker(app, { concurrency: 5 });
    await sendChord(
      app,
      Array.from({ length: 100 }, (_, n) => member("double", [n])),
      body,
    );
    await bodyResult(body);
    await settled();
    expect(runs).toEqual([100]);
  });

  it("keep odd results as they are", async () => {
    const odd = [null, 2n ** 70n, NaN, "🥕\0", { a: [new Date("2026-01-02T03:04:05Z")] }];
    const body = call("list");
    await bed.worker(app);
    await sendChord(
      app,
      odd.map((value) => member("list", [value])),
      body,
    );
    expect(await bodyResult(body)).toEqual(odd);
  });

  it("count members whose results are ignored, and keep the results from an immutable body", async () => {
    app.task("count", (...args: readonly unknown[]) => args.length);
    const body = call("list");
    const silent = call("count", { immutable: true });
    await bed.worker(app);
    await sendChord(app, [member("double", [1], { ignoreResult: true }), member("double", [2])], body);
    await sendChord(app, [member("double", [1])], silent);
    expect(await bodyResult(body)).toEqual([2, 4]);
    expect(await bodyResult(silent)).toBe(0);
  });

  it("wait for members that are retried", async () => {
    let tries = 0;
    app.task("flaky", { bind: true }, (ctx) => {
      if ((tries += 1) < 3) throw ctx.retry({ delayMs: 1 });
      return "at last";
    });
    const body = call("list");
    await bed.worker(app);
    await sendChord(app, [member("flaky"), member("double", [1])], body);
    expect(await bodyResult(body)).toEqual(["at last", 2]);
  });

  it("run chains in the header and as the body", async () => {
    const steps = [call("sum"), call("double"), call("list")];
    const body = composite("chain", steps);
    await bed.worker(app);
    const [, last] = await sendChord(app, [member("double", [1]), member("double", [4], { thenStep: "double" })], body);
    expect(await app.result(String(steps[2]?.options["task_id"])).get(WAIT)).toBe((2 + 16) * 2);
    expect(last?.followUps.chain).toHaveLength(1);
  });

  it("run groups as the body, each task with all results", async () => {
    const [one, other] = [call("sum"), call("list")];
    await bed.worker(app);
    await sendChord(app, [member("double", [1]), member("double", [2])], composite("group", [one, other]));
    expect(await bodyResult(one)).toBe(6);
    expect(await bodyResult(other)).toEqual([2, 4]);
  });

  it("may be members of chords themselves", async () => {
    const outer = call("list");
    const outerId = randomUUID();
    const inner = call("sum", { options: { group_id: outerId, group_index: 1, chord: outer } });
    await bed.worker(app);
    await sendChord(app, [member("double", [10])], outer, { chordId: outerId, size: 2 });
    await sendChord(app, [member("double", [1]), member("double", [2])], inner);
    expect(await bodyResult(outer)).toEqual([20, 6]);
  });

  it("nest the results as the header was where that was saved", async () => {
    const body = call("list");
    const chordId = randomUUID();
    const members = [member("double", [1]), member("double", [2]), member("double", [3])];
    const [a, b, c] = members.map(({ id }) => ({ id, parent: null, members: null }));
    if (a === undefined || b === undefined || c === undefined) throw new Error("absent");
    const header = { id: chordId, parent: null, members: [{ id: "inner", parent: null, members: [a, b] }, c] };
    await (await app.resultBackend()).groups.save(header);
    await bed.worker(app);
    await sendChord(app, members, body, { chordId });
    expect(await bodyResult(body)).toEqual([[2, 4], 6]);
  });

  describe("that cannot succeed", () => {
    const failing: readonly [string, () => Member, string][] = [
      ["failed", () => member("fail"), "TypeError('no such luck')"],
      ["ignored itself", () => member("ignore"), "Ignore()"],
      ["was rejected", () => member("reject"), "Reject('unwanted')"],
      ["expired", () => member("double", [1], { expires: new Date(1_000) }), "TaskRevokedError('expired')"],
      [
        "is followed by what cannot be read",
        () => member("double", [1], { then: composite("chord", []) }),
        "UnreadableMessageError(",
      ],
      [
        "failed in the middle of its chain",
        () => member("fail", [], { thenStep: "double" }),
        "TypeError('no such luck')",
      ],
      ["was ignored in its chain", () => member("ignore", [], { thenStep: "double" }), "Ignore()"],
    ];
    it.each(failing)(
      "fail their body once all have come, and call its errbacks: a member that %s",
      async (_, make, why) => {
        app.task("ignore", () => {
          throw new Ignore();
        });
        app.task("reject", () => {
          throw new Reject("unwanted");
        });
        const body = call("hear", { options: { link_error: [call("hear")] } });
        await bed.worker(app);
        await sendChord(app, [member("double", [1]), make(), member("double", [2])], body);
        await expect(bodyResult(body)).rejects.toMatchObject({ remoteType: "ChordError" });
        await expect(bodyResult(body)).rejects.toThrow(why);
        await eventually(() => expect(heard).toEqual([body.options["task_id"]]));
      },
    );

    it("have failed their body by the time that its errbacks ask for it", async () => {
      app.task("ask", async (id: string) => void heard.push(await app.result(id).state()));
      const body = call("list", { options: { link_error: [call("ask")] } });
      const backend = await app.resultBackend();
      const store = backend.store.bind(backend);
      vi.spyOn(backend, "store").mockImplementation(async (metas) => {
        if (metas.some(({ taskId }) => taskId === body.options["task_id"])) await sleep(300);
        return store(metas);
      });
      await bed.worker(app);
      await sendChord(app, [member("fail")], body);
      await eventually(() => expect(heard).toEqual(["FAILURE"]));
    });

    it("fail their body when a member is revoked", async () => {
      const body = call("list");
      const [one, other] = [member("double", [1]), member("double", [2])];
      await app.revoke([one.id]);
      await bed.worker(app);
      await sendChord(app, [one, other], body);
      await expect(bodyResult(body)).rejects.toThrow(`Dependency ${one.id} raised TaskRevokedError('revoked')`);
    });

    it("fail their body when a member is ended while it runs", async () => {
      const begun: string[] = [];
      app.task("hang", { bind: true }, async (ctx) => {
        begun.push(ctx.id);
        await new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(new Error("aborted"))));
      });
      const body = call("list");
      const [one, other] = [member("hang"), member("double", [2])];
      await bed.worker(app);
      await sendChord(app, [one, other], body);
      await eventually(() => expect(begun).toEqual([one.id]));
      await app.revoke([one.id], { terminate: true });
      await expect(bodyResult(body)).rejects.toThrow(`Dependency ${one.id} raised TaskRevokedError('terminated')`);
    });

    it("fail their body when a member is handed out too often, and go on without a new turn when that is replayed", async () => {
      app.task("again", () => {
        throw new Reject("not now", { requeue: true });
      });
      const body = call("hear", { options: { link_error: [call("hear")] } });
      const [one, other] = [member("again"), member("double", [2])];
      await bed.worker(app);
      await sendChord(app, [one, other], body);
      await expect(bodyResult(body)).rejects.toThrow(`Dependency ${one.id} raised WorkerLostError(`);
      const broker = await app.broker();
      await eventually(async () => expect(await broker.replay({ code: "delivery-limit" })).toBe(1));
      await settled();
      expect(heard).toEqual([body.options["task_id"]]);
    });

    it("fail their body when a member is discarded for another with its key", async () => {
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      const begun: string[] = [];
      app.task("alone", { bind: true, concurrency: { key: "alone", onBusy: "discard" } }, async (ctx) => {
        begun.push(ctx.id);
        await released;
      });
      const body = call("list");
      const [holder, one] = [member("alone"), member("alone")];
      await bed.worker(app, { concurrency: 2 });
      await sendChord(app, [holder], call("list"));
      await eventually(() => expect(begun).toEqual([holder.id]));
      await sendChord(app, [member("double", [1]), one], body);
      await expect(bodyResult(body)).rejects.toThrow(`Dependency ${one.id} raised TaskRevokedError('discarded')`);
      release();
    });

    it("name the member that never ran when an earlier step of its chain was revoked", async () => {
      const body = call("list");
      const expired = member("double", [1], { thenStep: "double", expires: new Date(1_000) });
      await bed.worker(app);
      const [request] = await sendChord(app, [expired], body);
      const step = String(request?.followUps.chain[0]?.options["task_id"]);
      await expect(bodyResult(body)).rejects.toThrow(`Dependency ${step} raised TaskRevokedError('expired')`);
    });

    it("fail all that would have followed: the body's chain, its group, and the chord around it", async () => {
      const outer = call("list");
      const outerId = randomUUID();
      const steps = [call("sum"), call("double", { options: { group_id: outerId, group_index: 1, chord: outer } })];
      await bed.worker(app);
      await sendChord(app, [member("double", [1])], outer, { chordId: outerId, size: 2 });
      await sendChord(app, [member("fail")], composite("chain", steps));
      for (const step of [...steps, outer])
        await expect(bodyResult(step)).rejects.toMatchObject({ remoteType: "ChordError" });

      const members = [call("list"), call("sum", { options: { link_error: [call("hear")] } })];
      await sendChord(app, [member("fail")], composite("group", members));
      for (const each of members) await expect(bodyResult(each)).rejects.toMatchObject({ remoteType: "TypeError" });
      await eventually(() => expect(heard).toEqual([members[1]?.options["task_id"]]));
    });

    it("fail their body when it cannot be sent", async () => {
      const body = call("list", { options: { exchange: "nowhere", routing_key: "nothing" } });
      await bed.worker(app);
      await sendChord(app, [member("double", [1])], body);
      await expect(bodyResult(body)).rejects.toThrow("ChordError: Callback error: UnroutableError");
    });

    it("fail their body when what a member left cannot be read", async () => {
      const body = call("list");
      const { chords } = await app.resultBackend();
      vi.spyOn(chords, "join").mockRejectedValueOnce(new UnreadableResultError("it is pickled"));
      await bed.worker(app);
      await sendChord(app, [member("double", [1])], body);
      await expect(bodyResult(body)).rejects.toThrow("ChordError: Join error: UnreadableResultError");
    });

    it("fail their body when a member's result is refused for good", async () => {
      const body = call("list");
      const backend = await app.resultBackend();
      vi.spyOn(backend, "store").mockRejectedValueOnce(new RangeError("too large"));
      await bed.worker(app);
      await sendChord(app, [member("double", [1])], body);
      await expect(bodyResult(body)).rejects.toThrow("RangeError('too large')");
    });

    it.each([
      ["with members", [call("list"), call("list")], [[2], [2]]],
      ["without any", [], []],
    ])("may have a chord for a body, %s", async (_, header, value) => {
      const inner = call("list");
      await bed.worker(app);
      await sendChord(app, [member("double", [1])], { ...composite("chord", []), kwargs: { header, body: inner } });
      expect(await bodyResult(inner)).toEqual(value);
    });
  });

  describe("whose members do not come", () => {
    const soon = { resultChordDeadline: 1 };
    const later = { resultChordDeadline: 600 };

    it("fail their body after the deadline, and all that waits for it; who comes then finds the chord over", async () => {
      const busy = bed.app(soon);
      shareTasks(busy);
      const outer = call("list");
      const outerId = randomUUID();
      const steps = [call("sum"), call("double", { options: { group_id: outerId, group_index: 1, chord: outer } })];
      const chain = composite("chain", steps);
      const body: SignatureDict = { ...chain, options: { ...chain.options, link_error: [call("hear")] } };
      const chordId = randomUUID();
      const [first, last] = [member("double", [1]), member("double", [2])];
      await sendChord(app, [member("double", [10])], outer, { chordId: outerId, size: 2 });
      await sendChord(app, [first], body, { chordId, size: 3, deadlineMs: 1_000 });
      await bed.worker(busy);
      const why = `1 of 3 members came (${first.id}), none for 1 s, missing at least 2`;
      for (const step of steps) await expect(bodyResult(step)).rejects.toThrow(`ChordError: ${why}`);
      await expect(bodyResult(outer)).rejects.toThrow(/Dependency .* raised ChordError/);
      await sendChord(app, [{ ...last, index: 1 }], body, { chordId, size: undefined });
      await settled();
      expect(heard).toEqual([body.options["task_id"]]);
    });

    it("fail once, whoever looks", async () => {
      const body = call("hear", { options: { link_error: [call("hear")] } });
      const chords = Array.from({ length: 10 }, (): SignatureDict => ({
        ...body,
        options: { ...body.options, task_id: randomUUID() },
      }));
      for (const each of chords) await beginOverdue(app, { body: each });
      for (let workers = 0; workers < 3; workers += 1) {
        const another = bed.app(soon);
        shareTasks(another);
        await bed.worker(another);
      }
      for (const each of chords)
        await expect(bodyResult(each)).rejects.toThrow("0 of 1 members came, none for 0.001 s");
      await settled();
      expect([...heard].sort()).toEqual(chords.map(({ options }) => options["task_id"]).sort());
    });

    it.each(["SUCCESS", "STARTED"])("are left alone where the body is known to be %s", async (state) => {
      const body = call("list", { options: { link_error: [call("hear")] } });
      const [taskId, other] = [String(body.options["task_id"]), call("list")];
      const meta = {
        taskId,
        state,
        result: 1,
        traceback: null,
        doneAt: null,
        children: [],
        parentId: null,
        groupId: null,
      };
      const backend = await app.resultBackend();
      await backend.store([meta]);
      await beginOverdue(app, { body });
      const looking = bed.app(soon);
      shareTasks(looking);
      await bed.worker(looking);
      await eventually(async () => expect(await backend.chords.takeOverdue({ limit: 1 })).toEqual([]));
      await beginOverdue(app, { body: other });
      await expect(bodyResult(other)).rejects.toThrow("0 of 1 members came");
      expect(await app.result(taskId).state()).toBe(state);
      expect(heard).toEqual([]);
    });

    it("go on failing what a worker that was killed had begun to", async () => {
      const outer = call("list");
      const outerId = randomUUID();
      const body = call("sum", {
        options: { group_id: outerId, group_index: 0, chord: outer, link_error: [call("hear")] },
      });
      const backend = await app.resultBackend();
      await backend.chords.begin([{ chordId: outerId, size: 1, deadline: null }]);
      const taskId = String(body.options["task_id"]);
      const failed = { exc_type: "ChordError", exc_message: ["before"], exc_module: "celery.exceptions" };
      const meta = {
        taskId,
        state: "FAILURE",
        traceback: null,
        doneAt: null,
        children: [],
        parentId: null,
        groupId: null,
      };
      await backend.store([{ ...meta, result: failed }]);
      await beginOverdue(app, { body });
      const looking = bed.app(soon);
      shareTasks(looking);
      await bed.worker(looking);
      await expect(bodyResult(outer)).rejects.toThrow(`Dependency ${taskId} raised ChordError`);
      await expect(bodyResult(body)).rejects.toThrow("before");
      await settled();
      expect(heard).toEqual([taskId]);
    });

    it("wait for as long as their sender says, where nobody says for as long as is configured, or for ever", async () => {
      const backend = await app.resultBackend();
      const begun = vi.spyOn(backend.chords, "watch");
      const patient = bed.app(later);
      shareTasks(patient);
      const body = call("list");
      await bed.worker(patient);
      const chords = vi.spyOn((await patient.resultBackend()).chords, "watch");
      await sendChord(patient, [member("double", [1])], body, { size: undefined, chordId: "watched" });
      await eventually(() => expect(chords).toHaveBeenCalledTimes(1));
      expect(chords).toHaveBeenCalledWith("watched", expect.objectContaining({ ms: 600_000, body }));
      await sendChord(patient, [member("double", [1])], body, { size: 3, chordId: "begun", deadlineMs: 3_600_000 });
      await settled();
      expect(chords).toHaveBeenCalledTimes(1);
      expect(begun).not.toHaveBeenCalled();
    });

    it.each([
      ["a task that no worker knows", () => member("nobody's"), "unknown-task"],
      ["what is dropped from the dead letters", () => member("nobody's"), "dropped"],
      ["what is purged from its queue", () => member("double", [2]), "purged"],
    ])("fail after the deadline: %s", async (_, make, how) => {
      const looking = bed.app(soon);
      shareTasks(looking);
      const body = call("list");
      const broker = await app.broker();
      const chordId = randomUUID();
      if (how === "purged") {
        await sendChord(looking, [make()], body, { chordId, size: 2, deadlineMs: 1_000 });
        expect(await broker.purge("celery")).toBe(1);
        await sendChord(looking, [member("double", [1])], body, { chordId, size: 2, deadlineMs: 1_000 });
      } else await sendChord(looking, [member("double", [1]), make()], body, { chordId, deadlineMs: 1_000 });
      await bed.worker(looking);
      if (how === "dropped") {
        await eventually(async () => expect(await broker.deadLetters({ code: "unknown-task" })).toHaveLength(1));
        await broker.drop({ code: "unknown-task" });
      }
      await expect(bodyResult(body)).rejects.toThrow(
        /^ChordError: 1 of 2 members came \(.*\), none for 1 s, missing at least 1$/,
      );
    });
  });

  describe("whose members run again", () => {
    it("count each once, and send one body", async () => {
      const body = call("list");
      const [one, other] = [member("double", [1]), member("double", [2])];
      const chordId = randomUUID();
      await bed.worker(app, { concurrency: 1 });
      await sendChord(app, [one], body, { chordId, size: 2 });
      await sendChord(app, [one], body, { chordId, size: 2 });
      await settled();
      expect(await app.result(String(body.options["task_id"])).state()).toBe("PENDING");
      await sendChord(app, [{ ...other, index: 1 }], body, { chordId, size: 2 });
      expect(await bodyResult(body)).toEqual([2, 4]);
    });

    it("send the body when the worker of the last died before it had", async () => {
      const body = call("list");
      const chordId = randomUUID();
      const last = member("double", [1]);
      const { chords } = await app.resultBackend();
      await chords.begin([{ chordId, size: 1, deadline: null }]);
      const joined = await chords.join({ chordId, taskId: last.id, index: 0 }, { state: "SUCCESS", result: 2 });
      expect(joined.kind).toBe("complete");
      await bed.worker(app);
      await sendChord(app, [last], body, { chordId });
      expect(await bodyResult(body)).toEqual([2]);
    });

    it("wait while another is about to send the body, and do not send it again", async () => {
      const body = call("hear");
      const chordId = randomUUID();
      const late = member("double", [1]);
      const { chords } = await app.resultBackend();
      const other = { chordId, taskId: "other", index: 1 };
      await chords.begin([{ chordId, size: 2, deadline: null }]);
      await chords.join({ chordId, taskId: late.id, index: 0 }, { state: "SUCCESS", result: 2 });
      await chords.join(other, { state: "SUCCESS", result: 4 });
      await bed.worker(app);
      await sendChord(app, [late], body, { chordId, size: undefined });
      await eventually(() => expect(bed.log.map(({ message }) => message)).toContain("waiting to settle a task"));
      await chords.end(other, "sent");
      await settled();
      expect(heard).toEqual([]);
    });
  });

  /** Until the queue is empty and nothing is held. */
  async function settled(): Promise<void> {
    const broker = await app.broker();
    const empty = { ready: 0, delayed: 0, unacked: 0 };
    await eventually(async () => expect(await broker.inspect("celery")).toMatchObject(empty), WAIT);
  }
});

it("a chord's member, and what a chord follows, is refused before it runs where no results are kept", async () => {
  await using app = new Celeriac({ broker: memory() }, { env: {} });
  const ran: unknown[] = [];
  app.task("hear", (what: unknown) => void ran.push(what));
  await using worker = new Worker(app);
  await worker.start();
  await publish(app, [requestOf(member("hear", [1]), { chordId: "c", place: 0, chord: call("hear") })]);
  await app.sendTask("hear", {
    args: [2],
    link: { ...composite("chord", []), kwargs: { header: [], body: call("hear") } },
  });
  const broker = await app.broker();
  await eventually(async () => expect(await broker.deadLetters({ code: "no-results" })).toHaveLength(2));
  expect(ran).toEqual([]);
});

interface Member {
  readonly id: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly more: Partial<TaskRequest>;
  /** Its place in the header. @default its place in the list */
  readonly index?: number;
  /** A plain task that follows in its chain, and is the member then. */
  readonly thenStep?: string | undefined;
  /** What follows in its chain, as it is. */
  readonly then?: SignatureDict | undefined;
}

function member(
  task: string,
  args: readonly unknown[] = [],
  { thenStep, then, ...more }: Partial<TaskRequest> & Pick<Member, "thenStep" | "then"> = {},
): Member {
  return { id: randomUUID(), task, args, more, thenStep, then };
}

/** Sends a header as Python would, and tells the size before the last member. */
async function sendChord(
  app: Celeriac,
  members: readonly Member[],
  chord: SignatureDict,
  options: { readonly chordId?: string; readonly size?: number | undefined; readonly deadlineMs?: number } = {},
): Promise<readonly TaskRequest[]> {
  const { chordId = randomUUID(), deadlineMs } = options;
  const size = "size" in options ? options.size : members.length;
  const deadline = deadlineMs === undefined ? null : { ms: deadlineMs, body: chord, rootId: null };
  if (size !== undefined) await (await app.resultBackend()).chords.begin([{ chordId, size, deadline }]);
  const requests = members.map((each, place) => requestOf(each, { chordId, place, chord }));
  await publish(app, requests);
  return requests;
}

/** A chord that nobody ever comes to. */
async function beginOverdue(app: Celeriac, { body }: { readonly body: SignatureDict }): Promise<void> {
  const { chords } = await app.resultBackend();
  await chords.begin([{ chordId: randomUUID(), size: 1, deadline: { ms: 1, body, rootId: null } }]);
}

function requestOf(
  { id, task, args, more, thenStep, then, index }: Member,
  { chordId, place, chord }: { readonly chordId: string; readonly place: number; readonly chord: SignatureDict },
): TaskRequest {
  const membership = { group_id: chordId, group_index: index ?? place, chord };
  const isMember = thenStep === undefined;
  const steps = isMember ? [] : [call(thenStep, { options: membership })];
  return taskRequest({
    ...{ id, rootId: id, task, args, ...more },
    groupId: isMember ? chordId : null,
    groupIndex: isMember ? (index ?? place) : null,
    followUps: { ...NO_FOLLOW_UPS, chain: then === undefined ? steps : [then], chord: isMember ? chord : null },
  });
}

async function publish(app: Celeriac, requests: readonly TaskRequest[]): Promise<void> {
  const route = { exchange: "", routingKey: "celery" };
  const broker = await app.broker();
  await broker.declare({ queues: [{ name: "celery" }] });
  await broker.publish(requests.map((request) => ({ message: encodeTask(request), route })));
}

function call(task: string, more: Partial<Pick<SignatureDict, "options" | "immutable">> = {}): SignatureDict {
  const { options = {}, immutable = false } = more;
  return { task, args: [], kwargs: {}, options: { task_id: randomUUID(), ...options }, subtask_type: null, immutable };
}

function composite(kind: "chain" | "group" | "chord", tasks: readonly SignatureDict[]): SignatureDict {
  const last = tasks.at(-1)?.options["task_id"] ?? randomUUID();
  const options = { task_id: kind === "chain" ? last : randomUUID() };
  return { task: `celery.${kind}`, args: [], kwargs: { tasks }, options, subtask_type: kind, immutable: false };
}

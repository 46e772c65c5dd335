import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Signature } from "../../src/canvas/signature.ts";
import { GroupResult } from "../../src/result/group-result.ts";
import { groupNode, taskNode } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

const WAIT = { timeoutMs: 10_000 };

describeInEachPlace((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({ ...place, config: { resultExtended: true }, settings: { result_extended: true } });
    await Promise.all([shop.pythonWorker({ queues: ["python"] }), shop.worker({ queues: ["typescript"] })]);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  describe("a group of Python's", () => {
    it("with members of ours has their results in its order", async () => {
      await shop.python(`(numbers := group(task("typescript.add").clone((i, i)) for i in range(20))()).id`);
      expect(await shop.python("numbers.get(timeout=10)")).toEqual(Array.from({ length: 20 }, (_, i) => i + i));
      expect(await shop.python("[numbers.successful(), numbers.completed_count()]")).toEqual([true, 20]);
      expect(await shop.python("sorted(value['result'] for _, value in numbers.iter_native())")).toHaveLength(20);
    });

    it("may have members of both", async () => {
      const mixed = `group(task(name).clone((i, 1)) for i in range(5) for name in ("python.add", "typescript.add"))`;
      expect(await shop.python(`${mixed}().get(timeout=10)`)).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    });

    it("that was saved is found again by its id", async () => {
      await shop.python(`(saved := group(task("typescript.add").clone((i,)) for i in range(3))()).save()`);
      await shop.python("saved.get(timeout=10)");
      expect(await shop.python("GroupResult.restore(saved.id, app=app).get(timeout=10)")).toEqual([0, 1, 2]);
    });

    it("raises what a member of ours threw, and has the others' results", async () => {
      const members = `task("typescript.add").clone((1,)), task("typescript.fail").clone(("TypeError",))`;
      await shop.python(`(failing := group(${members})()).id`);
      await expect(shop.python("failing.get(timeout=10)")).rejects.toMatchObject({
        type: "TypeError",
        module: "builtins",
      });
      expect(await shop.python("[str(value) for value in failing.get(timeout=10, propagate=False)]")).toEqual([
        "1",
        "no such thing",
      ]);
    });

    it("is named in the records and calls of its members", async () => {
      const members = `task("typescript.request"), task("python.request")`;
      await shop.python(`(named := group(${members})()).get(timeout=10)`);
      const id = await shop.python("named.id");
      const ids = (await shop.python("[member.id for member in named]")) as string[];
      for (const member of ids)
        expect(await shop.app.result(member).meta()).toMatchObject({ groupId: id, result: { group: id } });
      expect(await shop.python("[member.result['group'] for member in named]")).toEqual([id, id]);
    });
  });

  it("many calls of Python's tasks that we await at once come out in our order", async () => {
    const calls = Array.from({ length: 20 }, (_, i) => new Signature<number>({ task: "python.add", args: [i, i] }));
    const results = await shop.app.sendBatch(calls);
    expect(await Promise.all(results.map((result) => result.get()))).toEqual(calls.map((_, i) => i + i));
  });

  describe("the result of a group", () => {
    it("that Python saved is ours by its id", async () => {
      const members = `task("typescript.add").clone((1,)), group(task("python.add").clone((i,)) for i in (2, 3)), task("python.add").clone((4,))`;
      await shop.python(`(theirs := group(${members})()).save()`);
      const id = String(await shop.python("theirs.id"));
      const group = await shop.app.restoreGroup<number[]>(id);
      expect((await group?.get(WAIT))?.flat()).toEqual([1, 2, 3, 4]);
      expect(await group?.progress()).toEqual({ total: 4, done: 4, states: { SUCCESS: 4 } });
      expect(JSON.stringify(group)).toBe(JSON.stringify(await shop.python("theirs.as_tuple()")));
      await shop.python("theirs.delete()");
      expect(await shop.app.restoreGroup(id)).toBeUndefined();
    });

    it("that we saved is Python's by its id", async () => {
      const [one, ...others] = await shop.app.sendBatch(
        ["typescript.add", "python.add", "typescript.add"].map((task, i) => new Signature({ task, args: [i, 10] })),
      );
      const inner = groupNode(
        "inner",
        others.map(({ id }) => taskNode(id)),
      );
      const group = shop.app.resultOf(groupNode("ours", [taskNode(String(one?.id)), inner]));
      await (group as GroupResult).save();
      await shop.python(`(ours := GroupResult.restore("ours", app=app)).id`);
      expect(await shop.python("ours.get(timeout=10)")).toEqual([10, [11, 12]]);
      expect(await shop.python("[ours.completed_count(), len(ours)]")).toEqual([2, 2]);
      expect(await group.get(WAIT)).toEqual([10, [11, 12]]);
      await group.forget();
      expect(await shop.python(`GroupResult.restore("ours", app=app) is None`)).toBe(true);
    });

    it("is told member by member, whichever side they run on", async () => {
      const members = `task("typescript.add").clone((1,)), task("python.fail").clone(("KeyError",)), task("python.add").clone((3,))`;
      const group = shop.app.resultFromTuple(await shop.python(`group(${members})().as_tuple()`)) as GroupResult;
      const outcomes: unknown[] = [];
      for await (const { index, ...outcome } of group.iterate(WAIT)) outcomes[index] = outcome;
      expect(outcomes).toMatchObject([
        { status: "fulfilled", value: 1 },
        { status: "rejected", reason: { remoteType: "KeyError", taskId: group.results[1]?.id } },
        { status: "fulfilled", value: 3 },
      ]);
      await expect(group.get(WAIT)).rejects.toMatchObject({ remoteType: "KeyError" });
    });

    it("that a task returns crosses as a tuple, as one of a single task does", async () => {
      for (const [numbers, values] of [
        [
          [1, 2],
          [1, 2],
        ],
        [[3], 3],
      ]) {
        const theirs = await (await shop.app.sendTask("python.promise", { args: numbers as number[] })).get(WAIT);
        expect(await shop.app.resultFromTuple(theirs).get(WAIT)).toEqual(values);
        const ours = `task("typescript.promise").delay(*${JSON.stringify(numbers)}).get(timeout=10)`;
        expect(await shop.python(`result_from_tuple(${ours}, app=app).get(timeout=10)`)).toEqual(values);
      }
    });

    it("is a child of the task that sent it", async () => {
      const sent = await shop.app.sendTask("python.promise", { args: [1, 2] });
      await sent.get(WAIT);
      const [child] = await sent.children();
      expect(child).toBeInstanceOf(GroupResult);
      expect(await child?.get(WAIT)).toEqual([1, 2]);
    });
  });

  describe("a chain of Python's", () => {
    it("is read with all its steps", async () => {
      const steps = `task("typescript.add").clone((1, 2)), task("python.add").clone((3,)), task("typescript.add").clone((4,))`;
      const last = shop.app.resultFromTuple(await shop.python(`chain(${steps})().as_tuple()`));
      expect(await last.get(WAIT)).toBe(10);
      expect(await last.parent?.get(WAIT)).toBe(6);
      expect(await last.parent?.parent?.get(WAIT)).toBe(3);
      expect(last.parent?.parent?.parent).toBeNull();
    });

    it.each(["python", "typescript"])("whose first step fails in %s rejects with its error", async (half) => {
      const steps = `task("${half}.fail").clone(("ValueError",)), task("python.echo").clone(), task("typescript.add").clone()`;
      const last = shop.app.resultFromTuple(await shop.python(`chain(${steps})().as_tuple()`));
      const taskId = last.parent?.parent?.id;
      await expect(last.get(WAIT)).rejects.toMatchObject({ remoteType: "ValueError", taskId });
    });
  });

  it("the body of Python's chord rejects with the error of the member that failed", async () => {
    const header = `task("typescript.add").clone((1,)), chain(task("python.fail").clone(("KeyError",)), task("typescript.add").clone((1,)))`;
    const body = shop.app.resultFromTuple(
      await shop.python(`chord([${header}])(task("python.echo").clone()).as_tuple()`),
    );
    expect(body.parent).toBeInstanceOf(GroupResult);
    await expect(body.get(WAIT)).rejects.toMatchObject({ remoteType: "KeyError" });
  });

  describe("a record", () => {
    it("of Python's tells us of the task, with its children", async () => {
      const result = await shop.app.sendTask<string>("python.delegate", { headers: {} });
      const childId = await result.get();
      const { extended, doneAt, ...meta } = (await result.meta()) ?? {};
      expect(meta).toMatchObject({ state: "SUCCESS", result: childId, traceback: null, groupId: null });
      expect(extended).toMatchObject({
        name: "python.delegate",
        args: [],
        kwargs: {},
        retries: 0,
        queue: "python",
        worker: "python@test",
      });
      expect(Math.abs(Number(doneAt) - Date.now())).toBeLessThan(10_000);
      const [child] = await result.children();
      expect(child?.id).toBe(childId);
      expect(await child?.get()).toMatchObject({ id: childId });
      expect(await shop.app.result(childId).meta()).toMatchObject({ parentId: result.id });
    });

    it("of ours tells Python of the task, with its children", async () => {
      const childId = await shop.python(`(told := task("typescript.delegate").delay()).get(timeout=10)`);
      expect(await shop.python(`[child.get(timeout=10)["id"] for child in told.children]`)).toEqual([childId]);
      expect(await shop.python("[told.name, told.args, told.kwargs, told.retries, told.queue]")).toEqual([
        "typescript.delegate",
        [],
        {},
        0,
        "typescript",
      ]);
      expect(
        await shop.python(
          "[abs((told.date_done.replace(tzinfo=None) - datetime.datetime.utcnow()).total_seconds()) < 10, told.worker]",
        ),
      ).toEqual([true, expect.stringMatching(/^celeriac@/)]);
    });

    it("is not made where the caller wants none", async () => {
      const ours = await shop.app.sendTask("python.note", { args: ["ours"], ignoreResult: true });
      const theirs = await shop.python(`task("typescript.echo").apply_async(("theirs",), ignore_result=True).id`);
      await eventually(async () => expect(await shop.python(`notes()`)).toEqual(["ours"]));
      await eventually(() => expect(shop.received).toContain("theirs"));
      await shop.settled();
      for (const id of [ours.id, String(theirs)]) expect(await shop.app.result(id).meta()).toBeUndefined();
    });

    it("that one side forgets is gone for the other", async () => {
      const ours = await shop.app.sendTask("python.add", { args: [1] });
      await ours.get();
      await shop.python(`result("${ours.id}").forget()`);
      expect(await ours.meta()).toBeUndefined();
      const theirs = String(await shop.python(`(done := task("typescript.add").delay(1)).get(timeout=10) and done.id`));
      await shop.app.result(theirs).forget();
      expect(await shop.python(`result("${theirs}").state`)).toBe("PENDING");
    });
  });

  // Last: what it sends waits long after it.
  it.each(["python", "typescript"])(
    "a chain of Python's whose first step is revoked in %s does not hang",
    async (half) => {
      const steps = `task("${half}.add").clone((1,), countdown=60), task("python.echo").clone(), task("typescript.add").clone()`;
      const last = shop.app.resultFromTuple(await shop.python(`(revoked := chain(${steps})()).as_tuple()`));
      const ended = expect(last.get(WAIT)).rejects.toMatchObject({ code: "CELERIAC_TASK_REVOKED" });
      await shop.python("revoked.parent.parent.revoke()");
      await ended;
    },
  );
});

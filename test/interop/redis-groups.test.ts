import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Signature } from "../../src/canvas/signature.ts";
import { eventually } from "../support/eventually.ts";
import { describeWithEachCelery, Shop } from "../support/shop.ts";

describeWithEachCelery((peer) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({ peer, config: { resultExtended: true }, settings: { result_extended: true } });
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
      expect(await child?.meta()).toMatchObject({ parentId: result.id });
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
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AsyncResult, Celeriac, GroupResult, ResultTimeoutError, TaskFailedError, TaskRevokedError } from "celeriac";
import { memory } from "celeriac/memory";
import { atRest, FakeClock } from "../../../src/testing/fake-clock.ts";
import type { ResultNode } from "../../../src/backend/groups.ts";
import type { TaskMeta } from "../../../src/backend/task-meta.ts";
import { failedMeta, groupNode, metaOf, revokedMeta, taskNode } from "../../support/canvas-results.ts";
import { watchedTasks } from "../../support/watched-tasks.ts";

describe("the result of a group", () => {
  let app: Celeriac;
  let clock: FakeClock;
  beforeEach(() => {
    clock = new FakeClock();
    app = new Celeriac({ broker: memory(), resultBackend: memory() }, { env: {}, clock });
  });
  afterEach(() => app.close());

  const store = async (...metas: readonly TaskMeta[]): Promise<void> => {
    await (await app.resultBackend()).store(metas);
    await atRest();
  };
  const group = <Results extends readonly unknown[]>(...members: readonly (string | ResultNode)[]) =>
    app.resultOf(
      groupNode(
        "g",
        members.map((member) => (typeof member === "string" ? taskNode(member) : member)),
      ),
    ) as GroupResult<Results>;

  describe("get()", () => {
    it("gives the values in the group's order, whichever comes first", async () => {
      const values = group<[number, string, null]>("a", "b", "c").get();
      await store(metaOf("c"), metaOf("b", "two"));
      await store(metaOf("a", 1));
      expect(await values).toEqual([1, "two", null]);
    });

    it("gives what is there already, also of a member that is named twice", async () => {
      await store(metaOf("a", 1), metaOf("b", 2));
      expect(await group("a", "b", "a").get()).toEqual([1, 2, 1]);
    });

    it("gives nothing for an empty group, and asks nobody", async () => {
      expect(await new Celeriac({}, { env: {} }).resultOf(groupNode("g", [])).get()).toEqual([]);
    });

    it("gives a list for a group in the group", async () => {
      const inner = groupNode("inner", [taskNode("b"), groupNode("innermost", [taskNode("c")]), groupNode("none", [])]);
      const values = group("a", inner, "d").get();
      await store(...["d", "c", "b", "a"].map((id) => metaOf(id, id)));
      expect(await values).toEqual(["a", ["b", ["c"], []], "d"]);
    });

    it("rejects as soon as one has failed, with its error", async () => {
      const values = expect(group("a", "b", "c").get()).rejects.toMatchObject({
        code: "CELERIAC_TASK_FAILED",
        taskId: "b",
        remoteType: "ValueError",
      });
      await store(failedMeta("b", "no"));
      await values;
    });

    it("rejects with that of one that was revoked", async () => {
      await store(revokedMeta("b"));
      await expect(group("a", "b").get()).rejects.toBeInstanceOf(TaskRevokedError);
    });

    it("rejects when the time is over, and still has the values of later", async () => {
      const result = group("a", "b");
      await store(metaOf("a", 1));
      const late = expect(result.get({ timeoutMs: 1_000 })).rejects.toThrow("The group g did not end within 1000 ms.");
      await clock.advance(1_000);
      await late;
      expect(clock.sleeping).toBe(0);
      await store(metaOf("b", 2));
      expect(await result.join({ timeoutMs: 1_000 })).toEqual([1, 2]);
    });

    it("rejects with the signal's reason", async () => {
      const controller = new AbortController();
      const values = expect(group("a").get({ signal: controller.signal })).rejects.toThrow("enough");
      await atRest();
      controller.abort(new Error("enough"));
      await values;
      await expect(group("a").get({ signal: controller.signal })).rejects.toThrow("enough");
    });

    it("rejects when the app is closed meanwhile", async () => {
      const values = expect(group("a").get()).rejects.toMatchObject({ code: "CELERIAC_RESULT_BACKEND_UNAVAILABLE" });
      await atRest();
      await app.close();
      await values;
    });

    it("gives errors in their places where they are not to propagate", async () => {
      const inner = groupNode("inner", [taskNode("c"), taskNode("d")]);
      await store(metaOf("a", 1), failedMeta("b", "no"), metaOf("c", 3), revokedMeta("d"));
      const values = await group<[number, number, number[]]>("a", "b", inner).join({ propagate: false });
      expect(values).toEqual([1, expect.any(TaskFailedError), expect.any(TaskRevokedError)]);
      expect(values.map((value) => (value instanceof Error && "taskId" in value ? value.taskId : value))).toEqual([
        1,
        "b",
        "d",
      ]);
    });

    it("waits for one whose record has expired as for one that never was", async () => {
      await store(metaOf("a", 1), metaOf("b", 2));
      await clock.advance(86_400_000);
      await store(metaOf("a", 1));
      const late = expect(group("a", "b").get({ timeoutMs: 1_000 })).rejects.toBeInstanceOf(ResultTimeoutError);
      await clock.advance(1_000);
      await late;
    });
  });

  describe("iterate()", () => {
    it("gives each member as it ends, with its place, also those that failed", async () => {
      const result = group<[string, string, string[]]>("a", "b", groupNode("inner", [taskNode("c"), taskNode("d")]));
      const heard: unknown[] = [];
      const done = (async () => {
        for await (const member of result) {
          expect(member.result).toBe(result.results[member.index]);
          heard.push([member.index, member.status === "fulfilled" ? member.value : member.reason.message]);
        }
      })();
      await store(metaOf("d", "d"));
      await store(failedMeta("b", "no"));
      await store(metaOf("c", "c"));
      expect(heard).toEqual([
        [1, "ValueError: no"],
        [2, ["c", "d"]],
      ]);
      await store(metaOf("a", "a"));
      await done;
      expect(heard).toHaveLength(3);
    });

    it("gives a group in it up with its first failure, and ends then", async () => {
      const indices: number[] = [];
      await store(failedMeta("a", "no"), metaOf("c"));
      const result = group(groupNode("inner", [taskNode("a"), taskNode("b")]), "c", groupNode("none", []));
      for await (const { index } of result) indices.push(index);
      expect(indices.toSorted()).toEqual([0, 1, 2]);
    });

    it("ends early without leaving anything behind", async () => {
      await store(metaOf("a"));
      const { added, removed } = watchedTasks(await app.resultBackend());
      for await (const { index } of group("a", "b", "c").iterate({ timeoutMs: 60_000 })) {
        expect(index).toBe(0);
        break;
      }
      expect(clock.sleeping).toBe(0);
      expect(removed.flat()).toEqual(added.flat());
      // One that begins to wait now is heard of as ever.
      const later = app.result("b").get();
      await store(metaOf("b", 2));
      expect(await later).toBe(2);
    });

    it("gives what has ended by the end of the time, and throws only then", async () => {
      await store(metaOf("a", 1));
      const members = group("a", "b").iterate({ timeoutMs: 1_000 });
      expect(await members.next()).toMatchObject({ value: { index: 0, value: 1 } });
      const next = expect(members.next()).rejects.toBeInstanceOf(ResultTimeoutError);
      await clock.advance(1_000);
      await next;
      expect(await members.next()).toMatchObject({ done: true });
    });

    it("does not throw when the time is over after the last has ended", async () => {
      await store(metaOf("a", 1), metaOf("b", 2));
      const members = group("a", "b").iterate({ timeoutMs: 1_000 });
      await members.next();
      await clock.advance(5_000);
      expect(await members.next()).toMatchObject({ value: { value: 2 } });
      expect(await members.next()).toMatchObject({ done: true });
      expect(clock.sleeping).toBe(0);
    });
  });

  it("tells how far the whole has come", async () => {
    const result = group("a", groupNode("inner", [taskNode("b"), taskNode("c")]), "d", "e");
    expect(await result.progress()).toEqual({ total: 5, done: 0, states: { PENDING: 5 } });
    expect([await result.ready(), await result.waiting(), await result.failed()]).toEqual([false, true, false]);
    await store(metaOf("a"), metaOf("b", 50, "PROGRESS"), failedMeta("c", "no"), revokedMeta("d"));
    expect(await result.progress()).toEqual({
      total: 5,
      done: 3,
      states: { SUCCESS: 1, PROGRESS: 1, FAILURE: 1, REVOKED: 1, PENDING: 1 },
    });
    expect([await result.failed(), await result.completedCount()]).toEqual([true, 1]);
    await store(...["b", "c", "d", "e"].map((id) => metaOf(id)));
    expect([await result.ready(), await result.waiting(), await result.successful()]).toEqual([true, false, true]);
    expect([await result.failed(), await result.completedCount()]).toEqual([false, 4]);
  });

  it("revokes the whole, with the steps before its members and headers of chords, and not what came before it", async () => {
    const chain = taskNode("b", taskNode("a"));
    const chord = taskNode("body", groupNode("header", [taskNode("c"), taskNode("d")]));
    const result = app.resultOf(groupNode("g", [chain, groupNode("inner", [chord])], taskNode("before")));
    await result.revoke();
    for (const id of ["a", "b", "c", "d", "body"]) expect(await app.result(id).state()).toBe("REVOKED");
    expect(await app.result("before").state()).toBe("PENDING");
  });

  it("forgets the whole, with what came before it and its own record", async () => {
    const result = app.resultOf(groupNode("g", [taskNode("a"), taskNode("c", taskNode("b"))], taskNode("before")));
    await store(...["a", "b", "c", "before", "other"].map((id) => metaOf(id)));
    await (result as GroupResult).save();
    await result.forget();
    const left = await (await app.resultBackend()).fetch(["a", "b", "c", "before", "other"]);
    expect([...left.keys()]).toEqual(["other"]);
    expect(await app.restoreGroup("g")).toBeUndefined();
  });

  it("is found again by its id once it was saved", async () => {
    const saved = app.resultOf(
      groupNode("g", [taskNode("a"), groupNode("inner", [taskNode("b")])], taskNode("before")),
    );
    expect(await app.restoreGroup("g")).toBeUndefined();
    await (saved as GroupResult).save();
    const restored = await app.restoreGroup<[number, number[]]>("g");
    expect(restored?.toJSON()).toEqual(saved.toJSON());
    await store(metaOf("a", 1), metaOf("b", 2));
    expect(await restored?.get()).toEqual([1, [2]]);
  });

  it("of an eager app is no other", async () => {
    const eager = new Celeriac({ taskAlwaysEager: true }, { env: {} });
    const add = eager.task("add", (x: number, y: number) => x + y);
    const sent = await eager.sendBatch([add.s(1, 2), add.s(3, 4)]);
    const result = eager.resultOf(groupNode("g", [taskNode(sent[0].id), taskNode(sent[1].id)])) as GroupResult;
    expect(await result.get()).toEqual([3, 7]);
    expect(await result.progress()).toEqual({ total: 2, done: 2, states: { SUCCESS: 2 } });
    await result.save();
    expect(await (await eager.restoreGroup("g"))?.get()).toEqual([3, 7]);
    await result.revoke();
    expect(await result.successful()).toBe(true);
    await eager.close();
  });
});

describe("the result of a task in a canvas", () => {
  let app: Celeriac;
  beforeEach(() => {
    app = new Celeriac({ broker: memory(), resultBackend: memory() }, { env: {} });
  });
  afterEach(() => app.close());

  const store = async (...metas: readonly TaskMeta[]): Promise<void> => {
    await (await app.resultBackend()).store(metas);
    await atRest();
  };

  it("knows what came before it", async () => {
    const header = groupNode("header", [taskNode("b"), taskNode("c")], taskNode("a"));
    const body = app.resultOf(taskNode("body", header));
    const { parent } = body;
    expect(parent).toBeInstanceOf(GroupResult);
    expect(body.parent).toBe(parent);
    expect((body as AsyncResult).parentId).toBeNull();
    expect((parent as GroupResult).results.map(({ id }) => id)).toEqual(["b", "c"]);
    expect(parent?.parent?.parent).toBeNull();
    const step = app.resultOf(taskNode("e", taskNode("d"))) as AsyncResult;
    expect([step.parent?.id, step.parentId]).toEqual(["d", "d"]);
  });

  it("has its own value, whatever is said of a step before it", async () => {
    const result = app.resultOf(taskNode("b", taskNode("a")));
    const heard = result.get();
    await atRest();
    await store(revokedMeta("a"), metaOf("b", 2));
    expect([await heard, await result.get()]).toEqual([2, 2]);
  });

  it("rejects with the error of the step before it that failed, whichever is told first", async () => {
    const chain = app.resultOf(taskNode("c", taskNode("b", taskNode("a"))));
    const heard = expect(chain.get()).rejects.toMatchObject({ taskId: "a", remoteType: "ValueError" });
    await store(failedMeta("c", "no"), failedMeta("b", "no"), failedMeta("a", "no"));
    await heard;
    await expect(chain.get()).rejects.toMatchObject({ taskId: "a" });
  });

  it("rejects when a step before it was revoked, which nobody tells of its own", async () => {
    const chain = app.resultOf(taskNode("d", groupNode("g", [taskNode("c")], taskNode("b", taskNode("a")))));
    const heard = expect(chain.get()).rejects.toMatchObject({ code: "CELERIAC_TASK_REVOKED", taskId: "b" });
    await store(metaOf("a"), revokedMeta("b"));
    await heard;
  });

  it("rejects with a member's error when its chord has failed, and not before", async () => {
    const body = app.resultOf(taskNode("body", groupNode("header", [taskNode("a"), taskNode("c", taskNode("b"))])));
    const ends: unknown[] = [];
    const heard = body.get().catch((error: unknown) => ends.push(error));
    await store(metaOf("a"), failedMeta("b", "no"), failedMeta("c", "no"));
    expect(ends).toEqual([]);
    await store(metaOf("body", { exc_type: "ChordError", exc_message: ["Dependency"] }, "FAILURE"));
    await heard;
    expect(ends).toMatchObject([{ taskId: "b", remoteType: "ValueError" }]);
  });

  it("rejects with what was heard where the steps before it cannot be looked at", async () => {
    const heard = expect(app.resultOf(taskNode("b", taskNode("a"))).get()).rejects.toMatchObject({ taskId: "b" });
    const backend = await app.resultBackend();
    vi.spyOn(backend, "fetch").mockRejectedValue(new Error("away"));
    await store(failedMeta("b", "no"));
    await heard;
  });

  it("rejects with its own error where all before it went well", async () => {
    await store(metaOf("a"), failedMeta("b", "mine"));
    await expect(app.resultOf(taskNode("b", taskNode("a"))).get()).rejects.toMatchObject({ taskId: "b" });
  });

  it("of a group that never begins rejects for each member", async () => {
    const group = app.resultOf(groupNode("g", [taskNode("b"), taskNode("c")], taskNode("a"))) as GroupResult;
    const errors = group.get({ propagate: false });
    await store(revokedMeta("a"));
    expect(await errors).toMatchObject([{ taskId: "a" }, { taskId: "a" }]);
  });

  it("names itself and them in its tuple, and is read from that", () => {
    const tuple = [["body", [["g", [["a", null], null]], [[["b", null], null]]]], null];
    const result = app.resultFromTuple(tuple);
    expect(result).toBeInstanceOf(AsyncResult);
    expect(JSON.parse(JSON.stringify(result))).toEqual(tuple);
    expect(
      app.resultFromTuple([
        ["g", null],
        ["a", "b"],
      ]),
    ).toBeInstanceOf(GroupResult);
    expect(() => app.resultFromTuple(7)).toThrow("it is not a result tuple: number");
  });

  it("shows what it sent, groups included, and leaves out what it cannot read", async () => {
    const children = [[["a", null], null], [["g", null], [[["b", null], null]]], 7];
    await store({ ...metaOf("x"), children });
    expect((await app.result("x").children()).map((child) => child.toJSON())).toEqual(children.slice(0, 2));
  });

  it("forgets all before it, too", async () => {
    await store(...["a", "b", "c"].map((id) => metaOf(id)));
    await app.resultOf(taskNode("c", groupNode("g", [taskNode("b")], taskNode("a")))).forget();
    expect((await (await app.resultBackend()).fetch(["a", "b", "c"])).size).toBe(0);
  });
});

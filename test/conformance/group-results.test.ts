import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type GroupResult, TaskRevokedError, type AsyncResult, type Celeriac } from "celeriac";
import type { ResultNode } from "../../src/backend/groups.ts";
import { groupNode, metaOf, taskNode } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";
import { watchedTasks } from "../support/watched-tasks.ts";

const WAIT = { timeoutMs: 10_000 };

describe.each(RESULT_BEDS)("results of groups on %s", (bedName) => {
  let bed: TestBed;
  let app: Celeriac;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
    app = bed.app();
    app.task("double", (n: number) => n * 2);
    app.task("fail", () => {
      throw new TypeError("no such luck");
    });
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  /** A group of calls, as it would be frozen. */
  const group = (members: readonly (string | ResultNode)[], id: string = randomUUID()): GroupResult =>
    app.resultOf(
      groupNode(
        id,
        members.map((member) => (typeof member === "string" ? taskNode(member) : member)),
      ),
    ) as GroupResult;
  const send = async (task: string, ...args: readonly unknown[]): Promise<string> =>
    (await app.sendTask(task, { args })).id;

  it("come in the group's order, one by one as they end, and all at once", async () => {
    const inner = groupNode("inner", [taskNode(await send("double", 2)), taskNode(await send("double", 3))]);
    const result = group([await send("double", 1), inner, await send("double", 4)]);
    const values = result.get(WAIT);
    const heard = (async () => {
      const members: unknown[] = [];
      for await (const { index, ...outcome } of result.iterate(WAIT)) members[index] = outcome;
      return members;
    })();
    await bed.worker(app);
    expect(await values).toEqual([2, [4, 6], 8]);
    expect(await heard).toMatchObject([{ value: 2 }, { value: [4, 6] }, { value: 8 }]);
    expect(await result.progress()).toEqual({ total: 4, done: 4, states: { SUCCESS: 4 } });
    expect(await result.get(WAIT)).toEqual([2, [4, 6], 8]);
  });

  it("tell of the one that failed while others have not begun", async () => {
    const failing = await send("fail");
    const result = group([randomUUID(), failing]);
    const values = expect(result.get(WAIT)).rejects.toMatchObject({ taskId: failing, remoteType: "TypeError" });
    await bed.worker(app);
    await values;
    expect(await result.progress()).toEqual({ total: 2, done: 1, states: { FAILURE: 1, PENDING: 1 } });
  });

  it("end with a revocation of the whole, before and after its tasks have begun", async () => {
    let begun = 0;
    app.task("hold", { bind: true }, async ({ signal }) => {
      begun += 1;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    });
    const ids = [await send("hold"), await send("hold")];
    await bed.worker(app, { concurrency: 1 });
    await eventually(() => expect(begun).toBe(1));
    const result = group(ids);
    await result.revoke({ terminate: true });
    expect(await result.get({ ...WAIT, propagate: false })).toEqual([
      expect.any(TaskRevokedError),
      expect.any(TaskRevokedError),
    ]);
    expect([await result.ready(), begun]).toEqual([true, 1]);
  });

  it("are found by the group's id, by another app too", async () => {
    const saved = group([await send("double", 1), groupNode("inner", [taskNode(await send("double", 2))])]);
    await saved.save();
    await bed.worker(app);
    const restored = await bed.app().restoreGroup<[number, number[]]>(saved.id);
    expect(await restored?.get(WAIT)).toEqual([2, [4]]);
    await restored?.forget();
    expect(await app.restoreGroup(saved.id)).toBeUndefined();
    expect(await saved.progress()).toMatchObject({ states: { PENDING: 2 } });
  });

  it("that a task returns are stored as Celery's tuples, also within other values", async () => {
    app.task("delegate", async () => {
      const one = await app.sendTask<number>("double", { args: [4] });
      return { one, all: group([one.id, one.id], "both") };
    });
    await bed.worker(app);
    const sent = await app.sendTask<{ one: unknown; all: unknown }>("delegate");
    const { one, all } = await sent.get(WAIT);
    const { id } = app.resultFromTuple(one);
    expect(one).toEqual([[id, null], null]);
    expect(all).toEqual([
      ["both", null],
      [one, one],
    ]);
    expect(await app.resultFromTuple(all).get(WAIT)).toEqual([8, 8]);
    const [child] = await sent.children();
    expect(await (child as AsyncResult).meta()).toMatchObject({ parentId: sent.id, result: 8 });
  });

  it("of 10,000 tasks are waited for by one request, and read by one", async () => {
    const ids = Array.from({ length: 10_000 }, () => randomUUID());
    const backend = await app.resultBackend();
    const fetch = vi.spyOn(backend, "fetch");
    const { added } = watchedTasks(backend);
    const result = group(ids);
    const half = ids.length / 2;
    await backend.store(ids.slice(0, half).map((id, n) => metaOf(id, n)));
    const values = result.get({ timeoutMs: 60_000 });
    const members = result.iterate({ timeoutMs: 60_000 });
    expect((await members.next()).value).toMatchObject({ index: 0 });
    await backend.store(ids.slice(half).map((id, n) => metaOf(id, half + n)));
    expect(await values).toEqual(ids.map((_, n) => n));
    let seen = 1;
    for await (const _ of members) seen += 1;
    expect(seen).toBe(ids.length);
    expect(added.flat().length).toBeGreaterThanOrEqual(ids.length);
    expect(added.length).toBeLessThan(4);
    const before = fetch.mock.calls.length;
    expect(await result.progress()).toMatchObject({ done: ids.length });
    expect(fetch.mock.calls.length - before).toBe(1);
  });
});

import { describe, expect, it } from "vitest";
import { Celeriac, chain, chord, group, Ignore, Signature, TaskFailedError, type CeleriacConfig } from "celeriac";

/** An app that sends nothing: its broker could not be reached. */
const eagerApp = (config: CeleriacConfig = {}) =>
  new Celeriac({ broker: "sqlite:/nowhere/at/all.db", taskAlwaysEager: true, ...config }, { env: {} });

describe("an eager app", () => {
  it("runs a call here and now, and gives its result", async () => {
    const app = eagerApp();
    const add = app.task("add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
    const result = await add.delay(1, 2);
    expect(await result.get()).toBe(3);
    expect(await result.state()).toBe("SUCCESS");
    expect(await app.result(result.id).get()).toBe(3);
  });

  it("gives a failure through the result, or at once when told to", async () => {
    const failing = (app: Celeriac) =>
      app.task("fail", () => {
        throw new RangeError("no");
      });
    await expect((await failing(eagerApp()).delay()).get()).rejects.toMatchObject({ remoteType: "RangeError" });
    await expect(failing(eagerApp({ taskEagerPropagates: true })).delay()).rejects.toBeInstanceOf(TaskFailedError);
  });

  it("retries without waiting, until no retry is left", async () => {
    const app = eagerApp();
    const flaky = app.task("flaky", { bind: true }, (ctx, times: number) => {
      if (ctx.retries < times) throw ctx.retry({ error: new Error("not yet") });
      return ctx.retries;
    });
    expect(await (await flaky.delay(2)).get()).toBe(2);
    await expect((await flaky.delay(9)).get()).rejects.toThrow("not yet");
  });

  it("retries with the arguments that the retry gave", async () => {
    const app = eagerApp();
    const countDown = app.task("count-down", { bind: true, maxRetries: null }, (ctx, n: number) => {
      if (n > 0) throw ctx.retry({ args: [n - 1] });
      return ctx.retries;
    });
    expect(await (await countDown.delay(4)).get()).toBe(4);
  });

  it("runs follow-ups too, and names them as children", async () => {
    const app = eagerApp();
    const heard: unknown[] = [];
    const add = app.task("add", (x: number, y: number) => x + y);
    app.task("hear", (what: unknown) => void heard.push(what));
    const result = await add.applyAsync({ args: [1, 2], link: new Signature({ task: "hear" }) });
    expect(heard).toEqual([3]);
    expect(await result.children()).toHaveLength(1);
  });

  it("calls no errback for a task that wants to be ignored", async () => {
    const app = eagerApp();
    const heard: unknown[] = [];
    const shy = app.task("shy", () => {
      throw new Ignore();
    });
    app.task("hear", (what: unknown) => void heard.push(what));
    await shy.applyAsync({ linkError: new Signature({ task: "hear" }) });
    expect(heard).toEqual([]);
  });

  it("fails for arguments and results that could not cross the wire", async () => {
    const app = eagerApp();
    const take = app.task("take", (value: unknown) => typeof value);
    const give = app.task("give", () => new Map([[1, 2]]));
    await expect(take.delay(() => 1)).rejects.toThrow("args[0]");
    await expect((await give.delay()).get()).rejects.toThrow("result");
  });

  it("hands a task what the wire would: its own copy, dates as dates", async () => {
    const app = eagerApp();
    const when = new Date("2026-01-02T03:04:05.678Z");
    const argument = { list: [1], when };
    const take = app.task("take", (value: { list: number[]; when: Date }) => {
      value.list.push(2);
      return [value.list, value.when];
    });
    expect(await (await take.delay(argument)).get()).toEqual([[1, 2], when]);
    expect(argument.list).toEqual([1]);
  });
});

describe("apply", () => {
  it("runs one call here though the app is not eager", async () => {
    const app = new Celeriac({ broker: "sqlite:/nowhere/at/all.db" }, { env: {} });
    const add = app.task("add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
    expect(await (await add.apply({ args: [1], kwargs: { y: 2 } })).get()).toBe(3);
  });

  describe("runs a canvas", () => {
    const canvasApp = () => {
      const app = eagerApp();
      const heard: unknown[] = [];
      return {
        heard,
        app,
        add: app.task("add", (x: number, y: number) => x + y),
        list: app.task("list", (values: readonly unknown[]) => values),
        fail: app.task("fail", (): number => {
          throw new RangeError("no");
        }),
        hear: app.task("hear", (what: unknown) => void heard.push(what)),
      };
    };

    it("and gives its result, its parents' and its groups'", async () => {
      const { add, list } = canvasApp();
      const result = await chain(add.s(1, 2), group(add.s(10), add.s(20)), list.s()).delay();
      expect(await result.get()).toEqual([13, 23]);
      expect(await result.parent?.get()).toEqual([13, 23]);
    });

    it("to its failure, of which chords and later steps learn, and errbacks: by the id, or called with the error", async () => {
      const { app, heard, add, list, fail, hear } = canvasApp();
      app.task("explain", (call: { readonly id: string }, error: TaskFailedError, traceback: string | null) => {
        heard.push([call.id, error.remoteType, typeof traceback]);
      });
      const errbacks = [hear.s(), app.signature("explain")];
      const failed = await fail.applyAsync({ linkError: errbacks });
      expect(heard).toEqual([[failed.id, "RangeError", "string"], failed.id]);
      const result = await chain(chord([fail.s(), add.s(1, 1)], list.s()), list.s()).delay();
      await expect(result.get()).rejects.toThrow("no");
      expect(await result.state()).toBe("FAILURE");
    });

    it("in place of a task, under its id, whatever id what ends it had", async () => {
      const { app, add } = canvasApp();
      const become = app.task("become", { bind: true }, (ctx): number => {
        throw ctx.replace(chain(add.s(1, 2), add.s(3).set({ taskId: "mine" })));
      });
      expect(await (await become.delay()).get()).toBe(6);
    });

    it("with what its tasks add to it, also where they are replaced, and where its header is nested", async () => {
      const { app, add, list } = canvasApp();
      const more = app.task("more", { bind: true }, (ctx) => {
        ctx.addToChord(add.s(100, 1));
        return 1;
      });
      const moreInstead = app.task("moreInstead", { bind: true }, (ctx): number => {
        ctx.addToChord(add.s(100, 1));
        throw ctx.replace(add.s(2, 2));
      });
      const resultsOf = async (header: readonly Signature<number>[]): Promise<unknown> =>
        new Set(await (await chord(header, list.s()).delay()).get());
      expect(await resultsOf([more.s(), add.s(1, 1)])).toEqual(new Set([1, 2, 101]));
      expect(await resultsOf([moreInstead.s(), add.s(1, 1)])).toEqual(new Set([4, 2, 101]));
      const nested = chord([more.s(), chain(add.s(1, 1), group(add.s(1), add.s(2)))], list.s());
      expect(await (await nested.delay()).get()).toEqual([1, [3, 4], 101]);
      await expect((await more.delay()).get()).rejects.toThrow("member of no chord");
    });

    it("of any length that a task sends: what it shows of its children stays small", async () => {
      const { app, add } = canvasApp();
      const send = app.task("send", async () => {
        await chain(Array.from({ length: 400 }, () => add.si(1, 1))).delay();
      });
      const result = await send.delay();
      expect(await result.state()).toBe("SUCCESS");
      expect(await result.children()).toHaveLength(1);
    });
  });
});

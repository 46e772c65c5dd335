import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CanvasLostError, CanvasTooLargeError, type Celeriac, type CeleriacConfig } from "celeriac";
import { lineOf, tasksOfResult } from "../../src/backend/groups.ts";
import { canvasFromDict } from "../../src/canvas/from-dict.ts";
import { chainDict, chordDict, groupDict, withOptions } from "../../src/canvas/dicts.ts";
import { freeze } from "../../src/canvas/freeze.ts";
import type { SignatureDict } from "../../src/message/task-request.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";

const WAIT = { timeoutMs: 60_000 };

/** On a queue of its own: a worker that may store does so with what others have sent. */
const NEVER = { taskCanvasStorage: "never", taskDefaultQueue: "never" } as const;

describe.each(RESULT_BEDS)("a large canvas on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  const open = async (config: CeleriacConfig = {}): Promise<{ app: Celeriac; sent: Sent }> => {
    const app = bed.app(config);
    shareTasks(app);
    const sent = await count(app);
    await bed.worker(app);
    return { app, sent };
  };

  it("of 1,000 steps costs twice the bytes of one of 500, and comes to the right value", async () => {
    const { app, sent } = await open();
    const bytesOf = async (steps: number): Promise<number> => {
      const before = sent.bytes;
      expect(await valueOf(app, steady(steps))).toBe(steps);
      return sent.bytes - before;
    };
    expect(await bytesOf(1_000)).toBeLessThanOrEqual(2.2 * (await bytesOf(500)));
  }, 120_000);

  it("of 10 chords with 100 members each costs twice the bytes of one of 5, and comes to the right value", async () => {
    const { app, sent } = await open();
    const bytesOf = async (chords: number): Promise<number> => {
      const before = sent.bytes;
      expect(await valueOf(app, chainDict(repeat(chords, () => hundred())))).toBe(200);
      return sent.bytes - before;
    };
    expect(await bytesOf(10)).toBeLessThanOrEqual(2.2 * (await bytesOf(5)));
  }, 120_000);

  it("of all kinds comes to what it comes to when messages carry it", async () => {
    const nested = chainDict([
      call("list", [1]),
      groupDict([
        chainDict([call("one"), steady(20, "inc"), groupDict([call("list"), call("list")])]),
        steady(20, "inc"),
      ]),
      chainDict(repeat(20, () => call("list"))),
      chordDict(
        repeat(20, () => call("list")),
        chainDict([call("list"), ...repeat(20, () => call("list"))]),
      ),
      groupDict(
        repeat(10, () =>
          chordDict(
            repeat(10, () => call("list")),
            call("list"),
          ),
        ),
      ),
    ]);
    const { app, sent } = await open();
    const never = await open(NEVER);
    const value = JSON.stringify(await valueOf(app, nested));
    expect(sent.canvases).toBeGreaterThan(0);
    expect(value).toBe(JSON.stringify(await valueOf(never.app, nested)));
    expect(never.sent.canvases).toBe(0);
  }, 60_000);

  it("is stored once: none of its steps has anything to store again", async () => {
    const { app, sent } = await open();
    await valueOf(app, chainDict([steady(50), ...repeat(3, () => hundred()), steady(50, "one"), hundred()]));
    expect(sent.canvases).toBe(1);
  }, 60_000);

  it("fails as a whole behind a step that failed, with all that is stored", async () => {
    const { app, sent } = await open();
    const later = [...repeat(50, () => call("one")), hundred(), call("one"), hundred()];
    const frozen = freeze(chainDict([steady(30), call("fail"), ...later]), { newId: () => crypto.randomUUID() });
    await app.send(canvasFromDict(frozen?.signature));
    const line = lineOf(frozen?.result ?? null);
    const ids = line.slice(30).flatMap(tasksOfResult);
    expect(ids).toHaveLength(1 + 50 + 101 + 1 + 101);
    const errors = await Promise.all(
      ids.map((id) =>
        app
          .result(id)
          .get(WAIT)
          .catch((error: unknown) => String(error)),
      ),
    );
    expect(errors.filter((error) => !String(error).includes("no such luck"))).toEqual([]);
    expect(sent.canvases).toBe(1);
  }, 60_000);

  it("fails behind a chord whose member failed", async () => {
    const { app } = await open();
    const broken = chordDict([...repeat(30, () => call("one")), call("fail")], call("sum"));
    const frozen = freeze(chainDict([call("one"), broken, ...repeat(20, () => call("one")), hundred()]), {
      newId: () => crypto.randomUUID(),
    });
    await app.send(canvasFromDict(frozen?.signature));
    const ids = lineOf(frozen?.result ?? null)
      .slice(2)
      .flatMap(tasksOfResult);
    expect(ids).toHaveLength(1 + 20 + 101);
    const errors = await Promise.all(
      ids.map((id) =>
        app
          .result(id)
          .get(WAIT)
          .catch((error: unknown) => String(error)),
      ),
    );
    expect(errors.filter((error) => !String(error).includes("no such luck"))).toEqual([]);
  }, 60_000);

  it("fails each task of a group with what a member of the header threw", async () => {
    const { app, sent } = await open();
    const broken = chordDict(
      [...repeat(3, () => call("one")), call("fail")],
      groupDict(repeat(100, () => call("sum"))),
    );
    const frozen = freeze(broken, { newId: () => crypto.randomUUID() });
    await app.send(canvasFromDict(frozen?.signature));
    const ids = frozen === undefined ? [] : tasksOfResult(frozen.result);
    expect(ids).toHaveLength(100);
    for (const id of ids) await expect(app.result(id).get(WAIT)).rejects.toMatchObject({ remoteType: "TypeError" });
    expect(sent.canvases).toBe(1);
  }, 60_000);

  it("goes on after steps that are run again, and that others take the place of", async () => {
    const { app } = await open();
    const steps = chainDict([
      call("one"),
      ...repeat(10, () => call("inc")),
      call("again"),
      call("becomeMany"),
      steady(20, "inc"),
    ]);
    expect(await valueOf(app, steps)).toBe(1 + 10 + 30 + 20);
  });

  it("that is lost fails the task that it follows, and a chord that it is the body of, by its name", async () => {
    const { app } = await open();
    vi.spyOn((await app.resultBackend()).canvases, "save").mockResolvedValue();
    const error = await valueOf(app, steady(100)).catch((error: unknown) => error);
    expect(String(error)).toContain("What follows is no longer there: the canvas ");
    expect(error).toMatchObject({ remoteType: CanvasLostError.name });
    const body = steady(100, "sum");
    await expect(valueOf(app, chordDict([call("one"), call("one")], body))).rejects.toThrow("is no longer there");
  });

  it("that is small, that may not be stored, or whose tasks are elsewhere is carried by its messages", async () => {
    const { app, sent } = await open();
    expect(await valueOf(app, steady(5))).toBe(5);
    const never = await open(NEVER);
    expect(await valueOf(never.app, steady(50))).toBe(50);
    expect([sent.canvases, never.sent.canvases]).toEqual([0, 0]);
    const stubs = bed.app({ taskDefaultQueue: NEVER.taskDefaultQueue });
    const fromStubs = await count(stubs);
    stubs.stub("one");
    const result = await stubs.send(canvasFromDict(steady(50)));
    expect(await (result as { get(how: object): Promise<unknown> }).get(WAIT)).toBe(50);
    expect(fromStubs.canvases).toBe(0);
    expect(fromStubs.bytes).toBeGreaterThan(50 * 100);
  });

  it("that its messages would carry too often is refused before anything is sent", async () => {
    const app = bed.app({ taskCanvasMaxBytes: 1_000_000 });
    const sent = await count(app);
    const large = canvasFromDict(chainDict(repeat(10, () => hundred())));
    const error = await app.send(large).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(CanvasTooLargeError);
    expect((error as CanvasTooLargeError).size).toBeGreaterThan(10_000_000);
    expect(String(error)).toMatch(
      /the 1000000 of taskCanvasMaxBytes: the largest part, from "sum" on, is \d+ bytes in each of 100\./,
    );
    expect(sent.bytes).toBe(0);
  });
});

/** What an app sends and stores from now on. */
interface Sent {
  bytes: number;
  canvases: number;
}

async function count(app: Celeriac): Promise<Sent> {
  const sent = { bytes: 0, canvases: 0 };
  const broker = await app.broker();
  const { canvases } = await app.resultBackend();
  const [publish, save] = [broker.publish.bind(broker), canvases.save.bind(canvases)];
  vi.spyOn(broker, "publish").mockImplementation((publications, options) => {
    for (const { message } of publications) sent.bytes += message.body.length;
    return publish(publications, options);
  });
  vi.spyOn(canvases, "save").mockImplementation((canvas) => {
    sent.canvases += 1;
    sent.bytes += canvas.parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
    return save(canvas);
  });
  return sent;
}

function shareTasks(app: Celeriac): void {
  const total = (value: unknown): number =>
    Array.isArray(value) ? value.reduce((sum: number, n) => sum + total(n), 0) : Number(value);
  const inc = app.task("inc", (value: unknown) => total(value) + 1);
  app.task("one", (value: unknown = 0) => total(value) + 1);
  app.task("sum", (values: unknown) => total(values));
  app.task("list", (value: unknown) => [value]);
  app.task("fail", () => {
    throw new TypeError("no such luck");
  });
  app.task("again", { bind: true }, (ctx, value: unknown) => {
    if (ctx.retries === 0) throw ctx.retry({ delayMs: 0 });
    return value;
  });
  app.task("becomeMany", { bind: true }, (ctx, value: unknown) => {
    const [first, ...rest] = repeat(30, () => inc.s().toDict());
    throw ctx.replace(chainDict([{ ...(first as SignatureDict), args: [value] }, ...rest]));
  });
}

async function valueOf(app: Celeriac, dict: SignatureDict): Promise<unknown> {
  const result = await app.send(canvasFromDict(dict));
  return (result as { get(how: object): Promise<unknown> }).get(WAIT);
}

function call(task: string, args: readonly unknown[] = []): SignatureDict {
  return withOptions({ task, args, kwargs: {}, options: {}, subtask_type: null, immutable: false }, {});
}

function steady(steps: number, task = "one"): SignatureDict {
  return chainDict(repeat(steps, () => call(task)));
}

/** Comes to 200, whatever comes before. */
function hundred(): SignatureDict {
  const two = { ...call("sum", [[1, 1]]), immutable: true };
  return chordDict(
    repeat(100, () => two),
    call("sum"),
  );
}

function repeat<T>(times: number, make: () => T): T[] {
  return Array.from({ length: times }, make);
}

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { StoredCanvas } from "../../src/backend/canvases.ts";
import { chainDict, chordDict } from "../../src/canvas/dicts.ts";
import { canvasFromDict } from "../../src/canvas/from-dict.ts";
import type { SignatureDict } from "../../src/message/task-request.ts";
import { describeWithEachCelery, Shop } from "../support/shop.ts";

const WAIT = { timeoutMs: 20_000 };

/** Canvases of which messages name the rest, among workers that have never heard of that. */
describeWithEachCelery((peer) => {
  let shop: Shop;
  let saved: StoredCanvas[];

  beforeAll(async () => {
    shop = await Shop.open({ peer });
    await Promise.all([shop.pythonWorker({ queues: ["python"] }), shop.worker({ queues: ["typescript"] })]);
    saved = [];
    const { canvases } = await shop.app.resultBackend();
    const save = canvases.save.bind(canvases);
    vi.spyOn(canvases, "save").mockImplementation((canvas) => {
      saved.push(canvas);
      return save(canvas);
    });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  const valueOf = async (dict: SignatureDict): Promise<unknown> => {
    saved.length = 0;
    const result = await shop.app.send(canvasFromDict(dict));
    return (result as { get(how: object): Promise<unknown> }).get(WAIT);
  };

  describe("a large canvas that Celeriac sends", () => {
    it("goes on behind steps of Python's", async () => {
      const steps = repeat(30, (index) => add(index % 3 === 1 ? "python" : "typescript"));
      expect(await valueOf(chainDict([add("typescript", 0), ...steps]))).toBe(31);
      expect(saved).toHaveLength(1);
    });

    it("goes on behind a chord with members, and with a body, of Python's", async () => {
      const header = repeat(10, (index) => ({ ...add(index % 2 === 0 ? "python" : "typescript", 5), immutable: true }));
      const steps = repeat(20, (index) => echo(index % 2 === 0 ? "python" : "typescript"));
      const chord = chordDict(header, chainDict([echo("python"), ...steps]));
      expect(await valueOf(chainDict([add("typescript", 0), chord, ...steps]))).toEqual(repeat(10, () => 6));
      expect(saved).toHaveLength(1);
    });

    it("fails behind a step of Python's that failed", async () => {
      const fails = { ...call("python.fail"), immutable: true };
      const steps = repeat(30, () => add("typescript"));
      await expect(valueOf(chainDict([add("typescript", 0), fails, ...steps]))).rejects.toMatchObject({
        remoteType: "TypeError",
      });
      expect(saved).toHaveLength(1);
    });
  });
});

function add(side: string, first?: number): SignatureDict {
  return call(`${side}.add`, first === undefined ? [1] : [first, 1]);
}

function echo(side: string): SignatureDict {
  return call(`${side}.echo`);
}

function call(task: string, args: readonly unknown[] = []): SignatureDict {
  return { task, args, kwargs: {}, options: {}, subtask_type: null, immutable: false };
}

function repeat<T>(times: number, make: (index: number) => T): T[] {
  return Array.from({ length: times }, (_, index) => make(index));
}

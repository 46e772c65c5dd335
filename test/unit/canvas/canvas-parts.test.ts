import { describe, expect, it } from "vitest";
import { CanvasParts } from "../../../src/canvas/canvas-parts.ts";
import { chainDict, chordDict, groupDict } from "../../../src/canvas/dicts.ts";
import { freeze } from "../../../src/canvas/freeze.ts";
import { launch, type Launch } from "../../../src/canvas/launch.ts";
import { openedDict, STORED_TASK, storedStepsOf } from "../../../src/canvas/stored.ts";
import type { SignatureDict } from "../../../src/message/task-request.ts";

const LONG = "x".repeat(3_000);

describe("what is stored of a canvas", () => {
  it("is nothing of what is short", () => {
    const dict = frozen(chainDict([task("a"), chordDict([task("b"), task("c")], task("d"))]));
    const parts = partsOf("q");
    expect(parts.shortened(dict)).toEqual(dict);
    expect(parts.texts).toEqual([]);
  });

  it("is each step of a long chain, once, behind what names it by its last result", () => {
    const dict = frozen(chainDict([task("a"), task("b", LONG), task("c"), task("d")]));
    const { leads, texts } = launched(dict);
    expect(leads.map(({ call }) => call.task)).toEqual(["a"]);
    expect(leads[0]?.chain).toEqual([
      {
        task: STORED_TASK,
        args: [],
        kwargs: { canvas: "canvas", from: 0, to: 3, queue: "q" },
        options: { task_id: "4", queue: "q" },
        subtask_type: null,
        immutable: false,
      },
    ]);
    expect(texts.map((text) => (JSON.parse(text) as SignatureDict).task)).toEqual(["b", "c", "d"]);
  });

  it("is a chord's body with all behind it, which its members name", () => {
    const dict = frozen(chainDict([chordDict([task("a"), task("b")], task("c")), task("d", LONG)]));
    const { leads, chords, texts } = launched(dict);
    const bodies = leads.map(({ call }) => call.options["chord"]);
    expect(bodies).toEqual([chords[0]?.body, chords[0]?.body]);
    expect(storedStepsOf(bodies[0] as SignatureDict)).toBeUndefined();
    expect(JSON.stringify(bodies[0])).toContain(STORED_TASK);
    expect(texts).toHaveLength(1);
  });

  it("leaves the group at the end of a header's member where its ends are counted", () => {
    const member = chainDict([task("a"), task("b", LONG), groupDict([task("c"), task("d"), task("e")])]);
    const dict = frozen(chordDict([member, task("f")], task("g")));
    expect(launched(dict).chords[0]?.size).toBe(launch(dict).chords[0]?.size);
    expect(launched(dict).chords[0]?.size).toBe(4);
    expect(launched(dict).texts).toHaveLength(1);
  });

  it("goes on step by step: each names what is behind it, and the last is whose member the whole is", () => {
    const options = { group_id: "g", group_index: 1, chord: task("body") };
    const chain = chainDict([task("a"), task("b", LONG), task("c")], options);
    const { leads, texts } = launched(frozen(chain));
    const second = opened({ ...(leads[0]?.chain[0] as SignatureDict), args: ["result"] }, texts);
    expect(second).toMatchObject({ task: "b", args: ["result", LONG] });
    expect(second.options["chord"]).toBeUndefined();
    const [rest] = second.options["chain"] as [SignatureDict];
    expect(rest.options).toMatchObject({ task_id: "3", ...options });
    const third = opened(rest, texts);
    expect(third).toMatchObject({ task: "c", options: { task_id: "3", ...options } });
    expect(third.options).not.toHaveProperty("queue");
    expect(third.options).not.toHaveProperty("chain");
  });

  it("is told errbacks, a queue that is not its own, and what comes behind, as a chain is", () => {
    const { leads, texts } = launched(frozen(chainDict([task("a"), task("b", LONG), task("c")])));
    const [stored] = leads[0]?.chain as [SignatureDict];
    const errback = task("errback");
    const told = { ...stored.options, link_error: [errback], queue: "other", chain: [task("later")] };
    const first = opened({ ...stored, options: told }, texts);
    expect(first.options).toMatchObject({ queue: "other", link_error: [errback] });
    const [later, rest] = first.options["chain"] as [SignatureDict, SignatureDict];
    expect(later.task).toBe("later");
    expect(rest.options).toMatchObject({ queue: "q", link_error: [errback] });
  });

  it("is refused where it names no part", () => {
    const stored = { ...task(STORED_TASK), kwargs: { canvas: "c", from: 2, to: 2, queue: "q" } };
    expect(() => storedStepsOf(stored)).toThrow("the arguments of celeriac.stored name no part of a canvas");
  });
});

function launched(dict: SignatureDict): Launch & { texts: readonly string[] } {
  const parts = partsOf("q");
  const started = launch(parts.shortened(dict), (body) => parts.body(body));
  return { ...started, texts: parts.texts };
}

function opened(stored: SignatureDict, texts: readonly string[]): SignatureDict {
  const steps = storedStepsOf(stored);
  if (steps === undefined) throw new TypeError(`${stored.task} stands for itself.`);
  return openedDict(stored, steps, JSON.parse(texts[steps.from] ?? "") as SignatureDict);
}

function partsOf(queue: string): CanvasParts {
  return new CanvasParts({ canvas: "canvas", queue });
}

/** Ids are 1, 2, 3 in the order of the tasks. */
function frozen(dict: SignatureDict): SignatureDict {
  let ids = 0;
  const made = freeze(dict, { newId: () => String((ids += 1)) });
  if (made === undefined) throw new TypeError("It has no tasks.");
  return made.signature;
}

function task(name: string, ...args: readonly unknown[]): SignatureDict {
  return { task: name, args, kwargs: {}, options: {}, subtask_type: null, immutable: false };
}

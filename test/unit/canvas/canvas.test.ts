import { describe, expect, it } from "vitest";
import {
  CanvasError,
  canvasFromDict,
  Celeriac,
  chain,
  chord,
  group,
  Signature,
  UnreadableMessageError,
  type Canvas,
  type PublishOptions,
  type StampingVisitor,
} from "celeriac";
import type { Sender } from "../../../src/canvas/sender.ts";
import type { AnyCanvas } from "../../../src/canvas/takes.ts";

/** A sender that sends nothing and remembers what it was asked to. */
class RecordingSender implements Sender {
  readonly sent: { readonly dict: unknown; readonly options: PublishOptions | undefined }[] = [];
  readonly ranHere: unknown[] = [];

  linksErrorsToHeaders(): boolean {
    return false;
  }
  send(canvas: AnyCanvas, options?: PublishOptions): Promise<unknown> {
    this.sent.push({ dict: canvas.toDict(), options });
    return Promise.resolve("sent");
  }
  runHere(canvas: AnyCanvas): Promise<unknown> {
    this.ranHere.push(canvas.toDict());
    return Promise.resolve("ran");
  }
}

const call = (task: string, ...args: readonly unknown[]): Signature => new Signature({ task, args });
const dict = (task: string, ...args: readonly unknown[]) => call(task, ...args).toDict();
/** Canvases of whatever kind, as JavaScript may have them. */
const untyped = { chain, chord, group } as unknown as Readonly<
  Record<"chain" | "chord" | "group", (...parts: readonly unknown[]) => Canvas>
>;

describe("sending a canvas", () => {
  it("goes to the app of the first part that has one, with the missing arguments where they belong", async () => {
    const sender = new RecordingSender();
    const first = new Signature({ task: "a", args: [2] }, sender);
    expect(await chain(first, call("b")).delay(1)).toBe("sent");
    expect(await group(call("b"), first).delay(1)).toBe("sent");
    expect(await chord([call("b"), first], call("c")).delay(1)).toBe("sent");
    expect(await first.delay(1)).toBe("sent");
    expect(sender.sent.map((one) => one.dict)).toEqual([
      chain(call("a", 1, 2), call("b")).toDict(),
      group(call("b", 1), call("a", 1, 2)).toDict(),
      chord([call("b", 1), call("a", 1, 2)], call("c")).toDict(),
      dict("a", 1, 2),
    ]);
  });

  it("takes options, and those of publishing apart from its JSON form", async () => {
    const sender = new RecordingSender();
    const flow = chain(new Signature({ task: "a" }, sender), call("b")).set({ publishRetry: false, priority: 2 });
    await flow.applyAsync({ args: [1], kwargs: { k: 2 }, queue: "q", publishTimeoutMs: 50 });
    expect(sender.sent).toEqual([
      {
        dict: {
          ...chain(new Signature({ task: "a", args: [1], kwargs: { k: 2 } }), call("b")).toDict(),
          options: { priority: 2, queue: "q" },
        },
        options: { publishRetry: false, publishTimeoutMs: 50 },
      },
    ]);
    expect(flow.toDict().options).toEqual({ priority: 2 });
  });

  it("leaves what is immutable as it is", async () => {
    const sender = new RecordingSender();
    const still = new Signature({ task: "a", args: [1], immutable: true }, sender);
    await group(still, call("b")).applyAsync({ args: [0], kwargs: { k: 2 } });
    await still.applyAsync({ args: [0], kwargs: { k: 2 } });
    expect(sender.sent.map((one) => one.dict)).toEqual([
      group(still, new Signature({ task: "b", args: [0], kwargs: { k: 2 } })).toDict(),
      still.toDict(),
    ]);
  });

  it("runs here and now when that is asked for", async () => {
    const sender = new RecordingSender();
    expect(await new Signature({ task: "a" }, sender).pipe(call("b")).apply({ args: [1] })).toBe("ran");
    expect(sender.ranHere).toEqual([chain(call("a", 1), call("b")).toDict()]);
    expect(sender.sent).toEqual([]);
  });

  it("keeps its app through every change", async () => {
    const sender = new RecordingSender();
    const a = new Signature({ task: "a" }, sender);
    const changed = [a, a.pipe(call("b")), group(a), chord([a], call("b"))].map((canvas: Canvas) =>
      canvas
        .set({ priority: 1 })
        .link(call("c"))
        .linkError(call("d"))
        .clone({ queue: "q" })
        .stamp({ run: 7 })
        .pipe(call("e")),
    );
    for (const canvas of changed) expect(await canvas.delay()).toBe("sent");
  });

  it("names app.send where there is no app", async () => {
    await expect(chain(call("a"), call("b")).delay()).rejects.toThrow(CanvasError);
    await expect(call("a").delay()).rejects.toThrow(
      "delay: this canvas of a was made without an app, or of nothing that has one. Send it with app.send(canvas).",
    );
  });
});

describe("a canvas that cannot be", () => {
  const double = new Celeriac().task("double", (x: number) => x * 2);

  it.each([
    ["Step 2 is no canvas but a value of type number", () => untyped.chain(call("a"), 2)],
    ["Step 1 is no canvas but a task that was not called", () => untyped.chain(double)],
    ["Step 1 is no canvas but a promise", () => untyped.chain([Promise.resolve()])],
    ["Member 1 is no canvas but null", () => untyped.group(null)],
    ["Member 2 is no canvas but undefined", () => untyped.group([call("a"), undefined])],
    ["Member 1 is no canvas but a value of type string", () => untyped.chord(["a"], call("b"))],
    ["The body of a chord is no canvas but undefined", () => untyped.chord([call("a")])],
    ["The header of a chord must be a list or a group, and not a single a", () => untyped.chord(call("a"), call("b"))],
    ["The next step is no canvas but a task that was not called", () => group(call("a")).pipe(double as never)],
    ["A group without members has nobody to call back", () => group([]).link(call("a"))],
    ["Chunks of double must have a size of at least 1, and not 0", () => double.chunks([[1]], 0)],
    ['A stamp cannot be called "queue"', () => call("a").stamp({ queue: "q" })],
    ['A canvas is of the unknown kind "map"', () => canvasFromDict({ ...dict("a"), subtask_type: "map" })],
  ])("says so: %s", (message, make: () => unknown) => {
    expect(make).toThrow(CanvasError);
    expect(make).toThrow(message);
  });

  it.each([
    ["no signature", 7],
    ["a task without a name", { ...dict("a"), task: "" }],
    ["a chain with a step that is no signature", { ...chain(call("a")).toDict(), kwargs: { tasks: [7] } }],
    [
      "a group within a group without tasks",
      { ...group(group(call("a"))).toDict(), kwargs: { tasks: [{ ...group().toDict(), kwargs: { tasks: [[]] } }] } },
    ],
    ["a chord without a body", { ...chord([call("a")], call("b")).toDict(), kwargs: { header: [] } }],
    ["a chord without a header", { ...chord([call("a")], call("b")).toDict(), kwargs: { body: dict("b") } }],
  ])("is not read from a message: %s", (_, form) => {
    expect(() => canvasFromDict(form)).toThrow(UnreadableMessageError);
  });
});

describe("composing", () => {
  it("changes nothing that is there already", () => {
    const [a, b, c] = [call("a"), call("b"), call("c")];
    const canvases: readonly Canvas[] = [a, chain(a, b), group(a, b), chord([a, group(b)], c)];
    const before = JSON.stringify(canvases);
    for (const canvas of canvases) {
      canvas.set({ priority: 1 });
      canvas.link(c);
      canvas.linkError(c);
      canvas.stamp({ run: 7 });
      canvas.clone({ args: [1] });
      canvas.pipe(c).link(c);
      chain(canvas, chain(c, b).link(a).linkError(a));
    }
    expect(JSON.stringify(canvases)).toBe(before);
  });

  it("hands a chain's options down when it dissolves: the id to its last task, links too, the others to its first", () => {
    const inner = chain(call("b"), call("c")).set({ taskId: "c's", queue: "q", link: call("l"), linkError: call("e") });
    expect(chain(call("a"), inner, call("d")).toDict()).toEqual(
      chain(
        call("a"),
        call("b").set({ queue: "q", linkError: call("e") }),
        call("c").set({ taskId: "c's", link: call("l"), linkError: call("e") }),
        call("d"),
      ).toDict(),
    );
  });

  it("keeps the arguments of a chain from Python that dissolves, and what follows it", () => {
    const python = chain(call("b", 1), call("c")).toDict();
    const inner = canvasFromDict({ ...python, args: [2], options: { chain: [dict("e"), dict("d")] } });
    expect(chain(call("a"), inner, call("f")).toDict()).toEqual(
      chain(call("a"), call("b", 2, 1), call("c"), call("d"), call("e"), call("f")).toDict(),
    );
  });

  it.each([
    ["a signature", () => call("a")],
    ["a chain", () => chain(call("a"), call("b"))],
    ["a group", () => group(call("a"))],
    ["a chord", () => chord([call("a")], call("b"))],
  ])("refuses options that nobody knows, in %s", (_, make: () => Canvas) => {
    expect(() =>
      make()
        .set({ quue: "q" } as object)
        .toDict(),
    ).toThrow('unknown option "quue"; did you mean "queue"?');
  });

  it("hands a group's options down when it becomes a header, and keeps the members' own callbacks", () => {
    const members = group(call("a").stamp({ one: 1 }).link(call("l")), call("b"));
    const header = members.set({ taskId: "g", queue: "q", link: call("m"), stamps: { two: 2 } });
    expect(header.pipe(call("c")).toDict()).toEqual(
      chord(
        [
          call("a").set({ queue: "q", link: [call("l"), call("m")], stamps: { one: 1, two: 2 } }),
          call("b").set({ queue: "q", link: call("m"), stamps: { two: 2 } }),
        ],
        call("c"),
      ).toDict(),
    );
  });

  it("grows with its steps, not with their square", () => {
    const steps = Array.from({ length: 1_000 }, (_, i) => call("a", i));
    const bytes = JSON.stringify(chain(chain(steps), call("b"))).length;
    expect(bytes).toBeLessThan(1_002 * (JSON.stringify(dict("a", 999)).length + 1) + 200);
  });

  it("keeps what Celery alone knows of a signature", () => {
    const theirs = { ...dict("a"), options: { root_id: "r", serializer: "json", run: 7, stamped_headers: ["run"] } };
    const canvas = canvasFromDict(theirs);
    expect(canvas.toDict()).toEqual(theirs);
    expect(canvas.set({ queue: "q" }).toDict().options).toEqual({ ...theirs.options, queue: "q" });
    expect(canvas).toMatchObject({ options: { stamps: { run: 7 } } });
  });
});

describe("stamping", () => {
  it("stamps a chord's body also without a visitor, and what follows each task", () => {
    const flow = chord([call("a").link(call("l"))], call("b").linkError(call("e"))).stamp({ run: 7 });
    const stamped = (signature: Signature): Signature => signature.set({ stamps: { run: 7 } });
    expect(flow.toDict()).toEqual(
      chord([stamped(call("a")).link(stamped(call("l")))], stamped(call("b")).linkError(stamped(call("e")))).toDict(),
    );
  });

  it("visits every part in order, from the outside inwards", () => {
    const visits: string[] = [];
    const note = (what: string) => (part: { readonly task: string }) => {
      visits.push(`${what} ${part.task}`);
      return undefined;
    };
    const visitor: StampingVisitor = {
      onSignature: note("task"),
      onGroupStart: note("group"),
      onGroupEnd: note("end of"),
      onChainStart: note("chain"),
      onChainEnd: note("end of"),
      onChordBody: note("body of"),
      onCallback: note("callback"),
      onErrback: note("errback"),
    };
    const guarded = call("a").link(call("l")).linkError(call("e"));
    chain(guarded, group(call("b")), chord([call("c")], call("d"))).stamp(visitor);
    expect(visits).toEqual([
      "chain celery.chain",
      ...["task a", "callback l", "task l", "errback e", "task e"],
      ...["group celery.group", "task b", "end of celery.group", "body of celery.chord"],
      ...["group celery.group", "task c", "end of celery.group", "body of celery.chord", "task d"],
      "end of celery.chain",
    ]);
    visits.length = 0;
    chord([call("c")], call("d")).stamp({
      ...visitor,
      onChordHeaderStart: note("header of"),
      onChordHeaderEnd: note("end of"),
    });
    expect(visits).toEqual([
      "header of celery.chord",
      "task c",
      "end of celery.chord",
      "body of celery.chord",
      "task d",
    ]);
  });
});

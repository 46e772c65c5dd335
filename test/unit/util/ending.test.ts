import { describe, expect, it } from "vitest";
import { Ending, isOver, onceOver } from "../../../src/util/ending.ts";

describe("an ending", () => {
  it("tells its one listener the reason, once", () => {
    const ending = new Ending();
    const told: unknown[] = [];
    ending.onEnd((reason) => told.push(reason));
    expect(ending.isOver).toBe(false);
    ending.end("first");
    ending.end("second");
    expect(ending.isOver).toBe(true);
    expect(told).toEqual(["first"]);
  });

  it("tells a listener at once that comes too late", () => {
    const ending = new Ending();
    ending.end("over");
    const told: unknown[] = [];
    ending.onEnd((reason) => told.push(reason));
    expect(told).toEqual(["over"]);
  });

  it.each([true, false])("is a signal too, asked for before its end: %s", (isBefore) => {
    const ending = new Ending();
    if (isBefore) expect(ending.signal.aborted).toBe(false);
    const reason = new Error("over");
    ending.end(reason);
    expect(ending.signal.aborted).toBe(true);
    expect(ending.signal.reason).toBe(reason);
  });
});

describe("what may be given up", () => {
  it("tells a second one who waits for it too", () => {
    const ending = new Ending();
    const told: unknown[] = [];
    onceOver(ending, (reason) => told.push(["first", reason]));
    const forget = onceOver(ending, (reason) => told.push(["second", reason]));
    onceOver(ending, () => told.push("forgotten"))();
    ending.end("over");
    forget();
    expect(told).toEqual([
      ["first", "over"],
      ["second", "over"],
    ]);
  });

  it("is over once its ending has come or its signal has aborted, and never where it has neither", () => {
    const ending = new Ending();
    expect([isOver(ending), isOver({ signal: AbortSignal.abort() }), isOver({})]).toEqual([false, true, false]);
    ending.end();
    expect(isOver(ending)).toBe(true);
  });

  it.each(["ending", "signal"])("tells of its end by its %s, unless it was told to forget it", (kind) => {
    const [ending, controller] = [new Ending(), new AbortController()];
    const until = kind === "ending" ? ending : { signal: controller.signal };
    const told: unknown[] = [];
    onceOver(until, (reason) => told.push(["forgotten", reason]))();
    onceOver(until, (reason) => told.push(reason));
    ending.end("over");
    controller.abort("over");
    onceOver(until, (reason) => told.push(["late", reason]));
    expect(told).toEqual(["over", ["late", "over"]]);
  });
});

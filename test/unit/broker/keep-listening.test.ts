import { describe, expect, it } from "vitest";
import { MemoryBroadcaster } from "../../../src/adapters/memory/memory-broadcaster.ts";
import type { Broadcaster, Listener } from "../../../src/broker/broadcaster.ts";
import { keepListening } from "../../../src/broker/keep-listening.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { message } from "../../../src/testing/conformance/broker/stage.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

const EXCHANGE = { name: "news", type: "fanout" } as const;

/** What is heard of a broadcaster whose listeners fail when `break` is called, and cannot be opened while `isAway`. */
function bench() {
  const inner = new MemoryBroadcaster();
  const trouble = { isAway: false, opened: 0, fail: (_error: Error): void => undefined };
  const listen = async (...args: Parameters<Broadcaster["listen"]>): Promise<Listener> => {
    if (trouble.isAway) throw new Error("not allowed");
    trouble.opened += 1;
    const failing = new Promise<never>((_, reject) => (trouble.fail = reject));
    failing.catch(() => undefined);
    const listener = await inner.listen(...args);
    return {
      [Symbol.asyncIterator]: () => {
        const heard = listener[Symbol.asyncIterator]();
        return { next: () => Promise.race([heard.next(), failing]) };
      },
      [Symbol.asyncDispose]: async () => listener[Symbol.asyncDispose](),
    };
  };
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const closing = new AbortController();
  const heard: string[] = [];
  const ended = keepListening({
    ...{ broadcaster: { listen }, exchange: EXCHANGE, signal: closing.signal, clock, log },
    onMessage: ({ body }) => void heard.push(Buffer.from(body).toString()),
  });
  const say = async (text: string): Promise<void> => {
    await inner.broadcast(message(text), EXCHANGE);
    await clock.advance(0);
  };
  return { trouble, clock, lines, closing, heard, ended, say };
}

describe("whoever keeps listening", () => {
  it("hears again after its listener has failed, and tells of both once", async () => {
    const { trouble, clock, lines, closing, heard, ended, say } = bench();
    await clock.advance(0);
    await say("1");
    trouble.isAway = true;
    trouble.fail(new Error("odd"));
    await clock.advance(60_000);
    trouble.isAway = false;
    await clock.advance(5_000);
    await say("2");
    expect(heard).toEqual(["1", "2"]);
    expect(lines.map(({ level, message, fields }) => [level, message, fields["reason"]])).toEqual([
      ["warn", "broadcasts are not heard, listening anew", "odd"],
      ["warn", "broadcasts are not heard, listening anew", "not allowed"],
      ["info", "broadcasts are heard again", undefined],
    ]);
    closing.abort();
    await ended;
    expect(clock.sleeping).toBe(0);
  });

  it("waits ever longer where each listener fails at once", async () => {
    const { trouble, clock, closing, ended } = bench();
    for (let second = 0; second < 60; second += 1) {
      await clock.advance(1_000);
      trouble.fail(new Error("odd"));
    }
    expect(trouble.opened).toBeLessThan(50);
    closing.abort();
    await ended;
  });

  it("ends when it is told, also while it waits to listen anew", async () => {
    const { trouble, clock, closing, ended } = bench();
    trouble.isAway = true;
    await clock.advance(0);
    trouble.fail(new Error("odd"));
    await clock.advance(0);
    closing.abort();
    await ended;
    expect(clock.sleeping).toBe(0);
  });
});

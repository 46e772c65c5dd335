import { describe, expect, it } from "vitest";
import type { EventSender, WrittenEvents } from "../../../src/events/event-sender.ts";
import { ThreadSender } from "../../../src/events/thread-sender.ts";
import { systemClock } from "../../../src/util/clock.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

const TIMEOUT = { timeout: 10_000 };
const ONLINE: WrittenEvents = { routingKey: "worker.online", events: ["{}"] };

function ofTasks(count: number): WrittenEvents {
  return { routingKey: "task.multi", events: Array.from({ length: count }, () => "{}") };
}

/** A sender whose thread opens this broadcaster, given as code, and what went past the thread. */
function bench(openBroadcaster: string) {
  const direct: WrittenEvents[] = [];
  let isDisposed = false;
  const { log, lines } = recordingLogger();
  const sender = new ThreadSender({
    hostname: "w@h",
    source: {
      module: `data:text/javascript,${encodeURIComponent(`export const openBroadcaster = ${openBroadcaster};`)}`,
      data: null,
    },
    direct: {
      isAway: false,
      put: (written) => void direct.push(...written),
      [Symbol.asyncDispose]: () => Promise.resolve(void (isDisposed = true)),
    } satisfies EventSender,
    clock: systemClock,
    log,
  });
  return { sender, direct, lines, isDisposed: () => isDisposed };
}

describe("a sender with a thread", () => {
  it("needs none as long as there are no events of tasks", async () => {
    const { sender, direct, isDisposed } = bench("() => { throw new Error('opened') }");
    sender.put([ONLINE]);
    expect(direct).toEqual([ONLINE]);
    await sender[Symbol.asyncDispose]();
    expect(isDisposed()).toBe(true);
    sender.put([ONLINE]);
    expect(direct).toHaveLength(1);
  });

  it("sends without it once that has ended by itself, and tells of it", async () => {
    const { sender, direct, lines } = bench("() => { throw new Error('no broker here') }");
    sender.put([ofTasks(1)]);
    await expect.poll(() => lines, TIMEOUT).toHaveLength(1);
    expect(lines).toMatchObject([{ level: "warn", fields: { lostAtLeast: 1, error: "no broker here" } }]);
    sender.put([ofTasks(2)]);
    expect(direct).toEqual([ofTasks(2)]);
    await sender[Symbol.asyncDispose]();
  });

  it("drops what a thread that does not keep up has no room for, and tells of that once", async () => {
    // Stuck in the middle of its first list, for a second.
    const wait = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, isFirst ? 1000 : 0)";
    const broadcast = `async () => { ${wait}; isFirst = false; }`;
    const { sender, direct, lines } = bench(
      `() => { let isFirst = true; return { broadcast: ${broadcast}, [Symbol.asyncDispose]: async () => {} }; }`,
    );
    sender.put([ofTasks(10_000), ONLINE]);
    for (let count = 0; count < 6; count += 1) sender.put([ofTasks(10_000)]);
    expect(lines).toMatchObject([{ level: "warn", message: "events are dropped" }]);
    await expect.poll(() => lines, TIMEOUT).toHaveLength(2);
    expect(lines[1]).toMatchObject({ message: "events were dropped", fields: { events: 30_000 } });
    expect(direct).toEqual([]);
    await sender[Symbol.asyncDispose]();
  });
});

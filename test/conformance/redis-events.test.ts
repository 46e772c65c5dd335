import { assert, expect } from "vitest";
import { DirectSender, type DirectSenderOptions } from "../../src/events/direct-sender.ts";
import type { EventSender } from "../../src/events/event-sender.ts";
import { eventSender } from "../../src/events/thread-sender.ts";
import { EventDispatcher } from "../../src/events/event-dispatcher.ts";
import { LamportClock } from "../../src/events/lamport-clock.ts";
import { Celeriac } from "../../src/app/celeriac.ts";
import { systemClock } from "../../src/util/clock.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

const SENDERS: readonly [string, (options: DirectSenderOptions) => EventSender][] = [
  ["itself", (options) => new DirectSender(options)],
  ["by a thread", eventSender],
];

it.each(SENDERS)(
  "events that a node sends %s go on when a Redis that was away is back, and none that waited is dropped",
  async (_, open) => {
    await using server = await RedisServer.start();
    await using app = new Celeriac({ broker: server.url }, { env: {} });
    await using monitor = await app.events();
    const { log, lines } = recordingLogger();
    const { broadcaster } = await app.broker();
    assert(broadcaster);
    await using dispatcher = new EventDispatcher({
      hostname: "w@h",
      sender: open({ hostname: "w@h", broadcaster, clock: systemClock, log }),
      lamport: new LamportClock(),
      taskEvents: true,
      clock: systemClock,
      log,
    });
    await server.kill();
    for (const uuid of ["a", "b", "c"]) dispatcher.note("task-started", () => ({ uuid }));
    await expect.poll(() => dispatcher.isAway, { timeout: 10_000 }).toBe(true);
    dispatcher.send("worker-elect-ack", { id: "1" });
    await server.start();
    const heard: string[] = [];
    const listening = (async () => {
      for await (const event of monitor) if (heard.push("uuid" in event ? String(event.uuid) : event.type) === 5) break;
    })();
    // A monitor hears what is said once it listens again, which may be after the dispatcher has found the way back.
    await expect.poll(() => dispatcher.isAway, { timeout: 10_000 }).toBe(false);
    await expect
      .poll(
        () => {
          dispatcher.send("worker-elect-ack", { id: "last" });
          return heard;
        },
        { timeout: 10_000, interval: 100 },
      )
      .toContain("worker-elect-ack");
    expect(lines).toEqual([]);
    await monitor[Symbol.asyncDispose]();
    await listening;
  },
);

import { expect } from "vitest";
import { EventDispatcher } from "../../src/events/event-dispatcher.ts";
import { LamportClock } from "../../src/events/lamport-clock.ts";
import { Celeriac } from "../../src/app/celeriac.ts";
import { systemClock } from "../../src/util/clock.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

it("events go on when a Redis that was away is back, and none that waited is dropped", async () => {
  await using server = await RedisServer.start();
  await using app = new Celeriac({ broker: server.url }, { env: {} });
  await using monitor = await app.events();
  const { log, lines } = recordingLogger();
  const { broadcaster } = await app.broker();
  await using dispatcher = new EventDispatcher({
    hostname: "w@h",
    broadcaster,
    lamport: new LamportClock(),
    taskEvents: true,
    clock: systemClock,
    log,
  });
  await server.kill();
  for (const uuid of ["a", "b", "c"]) dispatcher.send("task-started", { uuid });
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
});

import { it } from "vitest";

import { MemoryBroadcaster } from "../../src/adapters/memory/memory-broadcaster.ts";
import { MemoryQueues } from "../../src/adapters/memory/memory-queues.ts";
import { MemoryStore } from "../../src/adapters/memory/memory-store.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { exerciseBroadcaster } from "../../src/testing/conformance/exercise-broadcaster.ts";
import { exerciseBroker } from "../../src/testing/conformance/exercise-broker.ts";
import { StallableClock } from "../../src/testing/stallable-clock.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger } from "../../src/util/logger.ts";

exerciseBroker("memory", {
  test: it,
  open: async ({ leaseMs }) => {
    const queues = new MemoryQueues(systemClock);
    const clock = new StallableClock(systemClock);
    const open = (ownClock = systemClock): QueuedBroker =>
      new QueuedBroker({
        store: new MemoryStore({ clock: systemClock, queues }),
        clock: ownClock,
        log: silentLogger,
        leaseMs,
      });
    return {
      broker: open(clock),
      second: async () => open(),
      stall: () => clock.stall(),
      resume: () => clock.resume(),
      dispose: async () => undefined,
    };
  },
});

exerciseBroadcaster("memory", {
  test: it,
  open: async () => {
    const broadcaster = new MemoryBroadcaster();
    return { broadcaster, second: async () => broadcaster, dispose: async () => undefined };
  },
});

import assert from "node:assert/strict";

import type { Case } from "../cases.ts";
import { textOf } from "./reader.ts";
import { toQueue } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

const DELAY_MS = 300;

/** Two clocks may differ by their resolution. */
const TOLERANCE_MS = 20;

/** Messages that are not due yet. */
export const delayCases: readonly Case<BrokerStage>[] = [
  {
    name: "a delayed message is counted as delayed, overtaken by others, and delivered when it is due",
    run: async (stage) => {
      if (stage.broker.features.maxDelayMs < DELAY_MS) return;
      const queue = await stage.queue();
      const start = stage.clock.now();
      await stage.broker.publish([toQueue(queue, "later", { delayMs: DELAY_MS }), toQueue(queue, "now")]);
      await stage.expectDepth(queue, { ready: 1, delayed: 1, unacked: 0 });
      const reader = stage.read(queue);
      assert.equal(await reader.text(), "now");
      const later = await reader.next();
      assert.ok(stage.clock.now() - start >= DELAY_MS - TOLERANCE_MS, "not before it is due");
      assert.equal(textOf(later), "later");
      assert.equal(later.deliveries, 1);
    },
  },
  {
    name: "delayed messages come in the order in which they are due",
    run: async (stage) => {
      if (stage.broker.features.maxDelayMs < 3 * DELAY_MS) return;
      const queue = await stage.queue();
      await stage.broker.publish([3, 1, 2].map((n) => toQueue(queue, String(n), { delayMs: n * (DELAY_MS / 2) })));
      assert.deepEqual(await stage.read(queue).texts(3), ["1", "2", "3"]);
    },
  },
  {
    name: "a delay longer than the broker can hold is cut, and one of years is no special case",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.broker.publish([toQueue(queue, "far", { delayMs: 50 * 365 * 86_400_000 })]);
      const depth = await stage.broker.inspect(queue);
      if (depth?.delayed !== undefined) assert.equal(depth.ready + depth.delayed, 1);
      if (stage.broker.features.maxDelayMs > 1_000) await stage.read(queue).expectSilence(50);
    },
  },
  {
    name: "a deferred message comes back when it is due, its deliveries uncounted and its fence grown",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "wait");
      const reader = stage.read(queue);
      const first = await reader.next();
      const due = stage.clock.now() + DELAY_MS;
      await first.defer(new Date(due));
      await stage.expectDepth(queue, { unacked: 0 });
      const second = await reader.next();
      assert.ok(stage.clock.now() >= due - TOLERANCE_MS, "not before it is due");
      assert.equal(second.deliveries, 1);
      assert.ok(second.fence > first.fence, "the fence grows");
      await second.requeue();
      assert.equal((await reader.next()).deliveries, 2);
    },
  },
  {
    name: "a message deferred until a time that has passed comes at once",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "overdue");
      const reader = stage.read(queue);
      await (await reader.next()).defer(new Date(0));
      assert.equal(await reader.text(), "overdue");
    },
  },
  {
    name: "what is deferred takes none of the prefetch",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "a", "b", "c");
      const reader = stage.read(queue, { prefetch: 1 });
      await (await reader.next()).defer(new Date(stage.clock.now() + 60_000));
      await (await reader.next()).defer(new Date(stage.clock.now() + 60_000));
      assert.equal(await reader.text(), "c");
      await stage.expectDepth(queue, { delayed: 2 });
    },
  },
];

import assert from "node:assert/strict";

import type { Case } from "../cases.ts";
import { textOf } from "./reader.ts";
import { message, toQueue } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** From publishing to settling. */
export const deliveryCases: readonly Case<BrokerStage>[] = [
  {
    name: "a message is delivered once, and is gone when it has been acked",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "hello");
      const reader = stage.read(queue);
      const delivery = await reader.next();
      assert.equal(textOf(delivery), "hello");
      assert.equal(delivery.queue, queue);
      assert.equal(delivery.deliveries, 1);
      assert.equal(delivery.lost.aborted, false);
      await delivery.ack();
      await reader.expectSilence(50);
      await stage.expectDepth(queue, { ready: 0, delayed: 0, unacked: 0 });
    },
  },
  {
    name: "a consumer that waits gets what is published later",
    run: async (stage) => {
      const queue = await stage.queue();
      const reader = stage.read(queue);
      await reader.expectSilence(50);
      await stage.send(queue, "late");
      assert.equal(await reader.text(), "late");
    },
  },
  {
    name: "messages of one priority come in the order of publishing",
    run: async (stage) => {
      const queue = await stage.queue();
      const texts = Array.from({ length: 50 }, (_, index) => `m${index}`);
      await stage.send(queue, ...texts.slice(0, 20));
      for (const text of texts.slice(20)) await stage.send(queue, text);
      assert.deepEqual(await stage.read(queue).texts(50), texts);
    },
  },
  {
    name: "the more urgent end of the priorities is served first, and within one priority the older message",
    run: async (stage) => {
      const { priorityOrder } = stage.broker.features;
      const queue = await stage.queue();
      const priorities = [3, 0, 9, 6, 0, 9];
      await stage.broker.publish(
        priorities.map((priority, index) => ({
          ...toQueue(queue, ""),
          message: message(`${priority}#${index}`, { properties: { priority } }),
        })),
      );
      const highestFirst = ["9#2", "9#5", "6#3", "3#0", "0#1", "0#4"];
      const lowestFirst = ["0#1", "0#4", "3#0", "6#3", "9#2", "9#5"];
      const expected = priorityOrder === "highest-first" ? highestFirst : lowestFirst;
      assert.deepEqual(await stage.read(queue, { prefetch: 1 }).texts(6), expected);
    },
  },
  {
    name: "priorities closer than the broker's step are served as one",
    run: async (stage) => {
      const { priorityStep } = stage.broker.features;
      const queue = await stage.queue();
      const priorities = Array.from({ length: priorityStep }, (_, index) => 3 + index);
      const publications = priorities.map((priority) => ({
        ...toQueue(queue, ""),
        message: message(`p${priority}`, { properties: { priority } }),
      }));
      await stage.broker.publish(publications);
      await stage.broker.publish(publications.toReversed());
      const texts = priorities.map((priority) => `p${priority}`);
      assert.deepEqual(await stage.read(queue, { prefetch: 1 }).texts(2 * priorityStep), [
        ...texts,
        ...texts.toReversed(),
      ]);
    },
  },
  {
    name: "a requeued message comes back from the same queue, where places are kept as the next one, with one delivery more",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "first", "second");
      const reader = stage.read(queue, { prefetch: 1 });
      const before = await reader.next();
      await before.requeue();
      const { keepsPlace } = stage.broker.features;
      if (!keepsPlace) assert.equal(await reader.text(), "second");
      const again = await reader.next();
      assert.equal(textOf(again), "first");
      assert.equal(again.queue, queue);
      assert.equal(again.deliveries, 2);
      assert.ok(again.fence > before.fence, "the fence grows");
      await again.ack();
      if (keepsPlace) assert.equal(await reader.text(), "second");
    },
  },
  {
    name: "fences grow over all messages and queues, sent and handed out in whatever order",
    run: async (stage) => {
      const [urgent, calm] = [await stage.queue(), await stage.queue()];
      await stage.send(calm, "a", "b");
      await stage.send(urgent, "c");
      const fences: number[] = [];
      const [fromUrgent, fromCalm] = [stage.read(urgent, { prefetch: 1 }), stage.read(calm, { prefetch: 1 })];
      for (const reader of [fromUrgent, fromCalm, fromCalm]) {
        const delivery = await reader.next();
        fences.push(delivery.fence);
        await delivery.ack();
      }
      assert.deepEqual(
        fences,
        [...new Set(fences)].sort((a, b) => a - b),
      );
      assert.ok(
        fences.every((fence) => Number.isSafeInteger(fence)),
        "whole numbers",
      );
    },
  },
  {
    name: "deliveries are counted over any number of requeues",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "again");
      const reader = stage.read(queue);
      for (let count = 1; count <= 5; count += 1) {
        const delivery = await reader.next();
        assert.equal(delivery.deliveries, count);
        await delivery.requeue();
      }
    },
  },
  {
    name: "what is handed back comes again, where places are kept as the next one, and does not count as delivered",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "first", "second");
      const reader = stage.read(queue, { prefetch: 1 });
      const before = await reader.next();
      await before.handBack();
      if (!stage.broker.features.keepsPlace) assert.equal(await reader.text(), "second");
      const again = await reader.next();
      assert.deepEqual([textOf(again), again.deliveries], ["first", 1]);
      assert.ok(again.fence > before.fence, "the fence grows");
      await again.requeue();
      const failed = await reader.next();
      await failed.handBack();
      assert.equal((await reader.next()).deliveries, 2);
    },
  },
  {
    name: "a delivery can be settled only once",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "once");
      const delivery = await stage.read(queue).next();
      await delivery.ack();
      await assert.rejects(async () => delivery.requeue(), /settled/);
      assert.equal((await stage.broker.inspect(queue))?.ready, 0);
    },
  },
  {
    name: "many deliveries can be settled at the same time, each in its own way",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "a", "b", "c", "d");
      const reader = stage.read(queue);
      const [a, b, c, d] = await reader.take(4);
      await Promise.all([
        a?.ack(),
        b?.requeue(),
        c?.deadLetter({ code: "rejected", detail: "no" }),
        d?.defer(new Date(stage.clock.now() + 60_000)),
      ]);
      assert.equal(await reader.text(), "b");
      await reader.expectSilence(50);
      await stage.expectDepth(queue, { ready: 0, delayed: 1, unacked: 0 });
      assert.equal((await stage.broker.deadLetters({ queue })).length, 1);
    },
  },
];

import assert from "node:assert/strict";

import type { Broker, Consumer } from "../../../broker/broker.ts";
import { DeliveryLostError } from "../../../broker/errors.ts";
import type { Case } from "../cases.ts";
import { inTime } from "../waiting.ts";
import { textOf } from "./reader.ts";
import { toQueue } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** Consumers: how much they take, from where, and what they give back. */
export const consumerCases: readonly Case<BrokerStage>[] = [
  {
    name: "a consumer holds no more than its prefetch, and takes the next one when it has settled",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3", "4", "5");
      const reader = stage.read(queue, { prefetch: 2 });
      const [first] = await reader.take(2);
      await reader.expectSilence(50);
      await stage.expectDepth(queue, { ready: 3, unacked: 2 });
      await first?.ack();
      assert.equal(textOf(await reader.next()), "3");
      await reader.expectSilence(50);
      await stage.expectDepth(queue, { unacked: 2 });
    },
  },
  {
    name: "what has come along is there without waiting, in its order, and comes no second time",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3", "4");
      const reader = stage.read(queue, { prefetch: 3 });
      const first = await reader.next();
      const second = await reader.polled();
      const third = await reader.polled();
      const none = reader.consumer.poll();
      assert.deepEqual([first, second, third].map(textOf), ["1", "2", "3"]);
      assert.equal(none, undefined);
      await Promise.all([first.ack(), second.ack(), third.ack()]);
      assert.equal(await reader.text(), "4");
    },
  },
  {
    name: "a consumer tells whether it is to ask for messages, and when the broker has answered",
    run: async (stage) => {
      const queue = await stage.queue();
      const reader = stage.read(queue, { prefetch: 1 });
      const before = reader.consumer.polling;
      assert.equal(before.isDue, true);
      await stage.send(queue, "1");
      const delivery = await reader.next();
      const { isDue, triedAt, answeredAt } = reader.consumer.polling;
      assert.equal(isDue, false);
      assert.equal(answeredAt, triedAt);
      assert.ok(triedAt >= before.triedAt);
      await delivery.ack();
      assert.equal(reader.consumer.polling.isDue, true);
      await reader.consumer.stop();
      assert.equal(reader.consumer.polling.isDue, false);
    },
  },
  {
    name: "a busy consumer keeps nothing from an idle one",
    run: async (stage) => {
      const queue = await stage.queue();
      const busy = stage.read(queue, { prefetch: 1 });
      await stage.send(queue, "long");
      const long = await busy.next();
      await stage.send(queue, "1", "2", "3", "4", "5");
      const idle = stage.read(queue, { prefetch: 1, broker: await stage.second() });
      assert.deepEqual(await idle.texts(5), ["1", "2", "3", "4", "5"]);
      await long.ack();
    },
  },
  {
    name: "a prefetch that is raised takes more at once; one that is lowered takes effect as deliveries are settled",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3", "4", "5", "6");
      const reader = stage.read(queue, { prefetch: 1 });
      const first = await reader.next();
      reader.consumer.prefetch = 3;
      const [second, third] = await reader.take(2);
      await reader.expectSilence(50);
      reader.consumer.prefetch = 1;
      assert.equal(reader.consumer.prefetch, 1);
      await first.ack();
      await second?.ack();
      await reader.expectSilence(50);
      await stage.expectDepth(queue, { unacked: 1 });
      await third?.ack();
      const next = textOf(await reader.next());
      if (stage.broker.features.keepsPlace) assert.equal(next, "4");
      else assert.ok(["4", "5", "6"].includes(next));
      await reader.expectSilence(50);
    },
  },
  {
    name: "with a prefetch of 0 nothing is taken until it is raised",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2");
      const reader = stage.read(queue, { prefetch: 1 });
      const first = await reader.next();
      reader.consumer.prefetch = 0;
      await first.ack();
      await reader.expectSilence(50);
      assert.equal(reader.consumer.polling.isDue, false);
      assert.equal((await stage.broker.inspect(queue))?.ready, 1);
      reader.consumer.prefetch = 1;
      assert.equal(await reader.text(), "2");
    },
  },
  {
    name: "a prefetch below one is refused",
    run: async (stage) => {
      const queue = await stage.queue();
      for (const prefetch of [0, -1, 1.5, NaN]) {
        assert.throws(() => stage.broker.consume([queue], { prefetch }), RangeError);
      }
    },
  },
  {
    name: "one consumer takes from several queues, and tells from which",
    run: async (stage) => {
      const [one, other] = [await stage.queue(), await stage.queue()];
      await stage.send(one, "a");
      await stage.send(other, "b");
      const deliveries = await stage.read([one, other]).take(2);
      const found = new Map(deliveries.map((delivery) => [delivery.queue, textOf(delivery)]));
      assert.deepEqual([found.get(one), found.get(other)], ["a", "b"]);
    },
  },
  {
    name: "a queue that is added while consuming is taken from",
    run: async (stage) => {
      const [one, added] = [await stage.queue(), await stage.queue()];
      await stage.send(added, "waiting");
      const reader = stage.read(one);
      await reader.expectSilence(50);
      reader.consumer.add(added);
      assert.equal(await reader.text(), "waiting");
      await stage.send(one, "still");
      assert.equal(await reader.text(), "still");
    },
  },
  {
    name: "a queue that is cancelled while consuming is no longer taken from; what was yielded stays",
    run: async (stage) => {
      const [kept, cancelled] = [await stage.queue(), await stage.queue()];
      const reader = stage.read([kept, cancelled]);
      await stage.send(cancelled, "held");
      const held = await reader.next();
      reader.consumer.cancel(cancelled);
      await stage.send(cancelled, "left");
      await stage.send(kept, "taken");
      assert.equal(await reader.text(), "taken");
      await reader.expectSilence(50);
      await held.ack();
      await stage.expectDepth(cancelled, { ready: 1, unacked: 0 });
    },
  },
  {
    name: "cancelling a queue hands back what was not yielded of it",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3");
      const reader = stage.read(queue);
      const first = await reader.next();
      await stage.eventually(() => stage.expectDepth(queue, { ready: 0, unacked: 3 }));
      reader.consumer.cancel(queue);
      await stage.eventually(async () => assert.equal((await stage.broker.inspect(queue))?.ready, 2));
      await first.ack();
      assert.deepEqual(await stage.read(queue).texts(2), ["2", "3"]);
    },
  },
  {
    name: "stopping hands back what was not yielded, ends the iteration, and leaves the rest to its holder",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3", "4", "5");
      const reader = stage.read(queue);
      const first = await reader.next();
      await stage.eventually(() => stage.expectDepth(queue, { ready: 0, unacked: 5 }));
      await reader.consumer.stop();
      await reader.consumer.stop();
      await reader.expectEnd();
      await stage.expectDepth(queue, { ready: 4, unacked: 1 });
      const other = stage.read(queue, { broker: await stage.second() });
      assert.deepEqual(await other.texts(4), ["2", "3", "4", "5"]);
      await other.expectSilence(2 * stage.leaseMs);
      await first.ack();
      await stage.expectDepth(queue, { unacked: 0 });
    },
  },
  {
    name: "disposing a consumer hands back what is unsettled too, and none of it counts as delivered",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2");
      const reader = stage.read(queue);
      const first = await reader.next();
      const { lost } = first;
      await reader.consumer[Symbol.asyncDispose]();
      await reader.consumer[Symbol.asyncDispose]();
      assert.equal((await stage.broker.inspect(queue))?.ready, 2);
      assert.equal(lost.aborted, true);
      await assert.rejects(first.ack(), DeliveryLostError);
      const again = await stage.read(queue).take(2);
      assert.deepEqual(
        again.map((delivery) => [textOf(delivery), delivery.deliveries]),
        [
          ["1", 1],
          ["2", 1],
        ],
      );
    },
  },
  {
    name: "a loop over a consumer ends when the consumer is disposed",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3");
      const consumer = stage.broker.consume([queue], { prefetch: 2 });
      const seen: string[] = [];
      const loop = async (): Promise<void> => {
        for await (const delivery of consumer) {
          seen.push(textOf(delivery));
          await delivery.ack();
        }
      };
      const looping = loop();
      await stage.eventually(() => assert.deepEqual(seen, ["1", "2", "3"]));
      await consumer[Symbol.asyncDispose]();
      await inTime(stage.clock, looping, "the loop ends");
    },
  },
  {
    name: "consumers are counted while they are there",
    run: async (stage) => {
      const queue = await stage.queue();
      if ((await stage.broker.inspect(queue))?.consumers === undefined) return;
      const consumers = async (): Promise<number | undefined> => (await stage.broker.inspect(queue))?.consumers;
      assert.equal(await consumers(), 0);
      const one = stage.read(queue);
      const two = stage.read(await stage.queue(), { broker: await stage.second() });
      two.consumer.add(queue);
      await stage.eventually(async () => assert.equal(await consumers(), 2));
      two.consumer.cancel(queue);
      await stage.eventually(async () => assert.equal(await consumers(), 1));
      await one.consumer[Symbol.asyncDispose]();
      await stage.eventually(async () => assert.equal(await consumers(), 0));
    },
  },
  {
    name: "two consumers share the work, and none gets what the other has",
    run: async (stage) => {
      const queue = await stage.queue();
      const [one, two] = [stage.read(queue, { prefetch: 1 }), stage.read(queue, { prefetch: 1 })];
      await stage.send(queue, "a", "b");
      const [first, second] = await Promise.all([one.next(), two.next()]);
      assert.deepEqual([textOf(first), textOf(second)].toSorted(), ["a", "b"]);
      await Promise.all([first.ack(), second.ack()]);
    },
  },
  {
    name: "competing brokers deliver everything exactly once",
    run: async (stage) => {
      const queue = await stage.queue();
      const brokers = [stage.broker, await stage.second(), await stage.second()];
      const counts = new Map<string, number>();
      const consumers = brokers.map((broker) => drainInto(counts, broker.consume([queue], { prefetch: 3 })));
      await Promise.all(brokers.map((broker, index) => publishNumbers(broker, queue, index * 200, 200)));
      await stage.eventually(() => assert.equal(counts.size, 600));
      await stopAll(consumers);
      assert.ok([...counts.values()].every((count) => count === 1));
      await stage.expectDepth(queue, { ready: 0, unacked: 0 });
    },
  },
  {
    name: "ten thousand messages through two consumers arrive exactly once",
    run: async (stage) => {
      const queue = await stage.queue();
      const counts = new Map<string, number>();
      for (let start = 0; start < 10_000; start += 1_000) await publishNumbers(stage.broker, queue, start, 1_000);
      const brokers = [stage.broker, await stage.second()];
      const consumers = brokers.map((broker) => drainInto(counts, broker.consume([queue], { prefetch: 100 })));
      await stage.eventually(() => assert.equal(counts.size, 10_000));
      await stopAll(consumers);
      assert.ok([...counts.values()].every((count) => count === 1));
      await stage.expectDepth(queue, { ready: 0, unacked: 0 });
    },
  },
];

async function publishNumbers(broker: Broker, queue: string, start: number, count: number): Promise<void> {
  await broker.publish(Array.from({ length: count }, (_, index) => toQueue(queue, String(start + index))));
}

interface Drain {
  readonly consumer: Consumer;
  readonly done: Promise<void>;
}

/** Acks everything and counts it by its text. */
function drainInto(counts: Map<string, number>, consumer: Consumer): Drain {
  const drain = async (): Promise<void> => {
    const acks: Promise<void>[] = [];
    for await (const delivery of consumer) {
      const text = textOf(delivery);
      counts.set(text, (counts.get(text) ?? 0) + 1);
      acks.push(delivery.ack());
    }
    await Promise.all(acks);
  };
  return { consumer, done: drain() };
}

async function stopAll(drains: readonly Drain[]): Promise<void> {
  for (const { consumer, done } of drains) {
    await consumer.stop();
    await done;
  }
}

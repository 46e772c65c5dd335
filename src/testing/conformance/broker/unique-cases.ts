import assert from "node:assert/strict";

import type { Broker, Delivery, Publication, UniqueKey } from "../../../broker/broker.ts";
import type { Case } from "../cases.ts";
import { message, to, toQueue, uniqueName } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** Publications that only one message may stand for at a time. Where a broker has no unique keys, there is nothing to hold them to. */
export const uniqueCases: readonly Case<BrokerStage>[] = [
  {
    name: "of two messages with one unique key the first is published, and the second's sender is told of it",
    run: withKey(async ({ queue, send, stage }) => {
      assert.deepEqual(await send("first"), [undefined]);
      assert.deepEqual(await send("second"), ["first"]);
      assert.deepEqual(await send("third"), ["first"]);
      const reader = stage.read(queue);
      assert.equal(await reader.text(), "first");
      await reader.expectSilence(50);
    }),
  },
  {
    name: "of a thousand messages with one unique key that are published at once one is published, and all are told which",
    run: withKey(async ({ stage, queue, key }) => {
      const brokers = [stage.broker, await stage.second(), await stage.second()];
      const sends = Array.from({ length: 1_000 }, (_, index) => {
        const broker = brokers[index % brokers.length] ?? stage.broker;
        return publishOne(broker, unique(queue, `send ${index}`, { key }));
      });
      const holders = await Promise.all(sends);
      assert.equal(holders.filter((holder) => holder === undefined).length, 1);
      const first = `send ${holders.indexOf(undefined)}`;
      assert.ok(holders.every((holder) => (holder ?? first) === first));
      const reader = stage.read(queue);
      assert.equal(await reader.text(), first);
      await reader.expectSilence(50);
    }),
  },
  {
    name: "a batch tells of each publication what came of it, and the first of two with one unique key wins",
    run: withKey(async ({ stage, queue, key }) => {
      const batch = [
        toQueue(queue, "plain"),
        unique(queue, "first", { key }),
        unique(queue, "second", { key }),
        unique(queue, "other", { key: uniqueName("key") }),
      ];
      assert.deepEqual(await stage.broker.publish(batch), [undefined, undefined, "first", undefined]);
      assert.deepEqual(await stage.read(queue).texts(3), ["plain", "first", "other"]);
    }),
  },
  {
    name: "of calls at the same time each is told what came of its own publications",
    run: withKey(async ({ stage, queue, key, send }) => {
      await send("holder");
      const { broker } = stage;
      const outcomes = await Promise.allSettled([
        broker.publish([unique(queue, "a", { key }), toQueue(queue, "plain")]),
        broker.publish([unique(uniqueName("nowhere"), "b", { key })]),
        broker.publish([]),
        broker.publish([toQueue(queue, "plain"), unique(queue, "c", { key }), unique(queue, "holder", { key })]),
      ]);
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : "rejected")),
        [["holder", undefined], "rejected", [], [undefined, "holder", undefined]],
      );
    }),
  },
  {
    name: "a unique key is held while its message waits, is delayed, is being run, is requeued, deferred or handed back",
    run: withKey(async ({ send, stage, queue }) => {
      await send("holder", { delayMs: 100 });
      assert.deepEqual(await send("while delayed"), ["holder"]);
      const reader = stage.read(queue, { prefetch: 1 });
      const again: readonly ((delivery: Delivery) => Promise<void>)[] = [
        (delivery) => delivery.requeue({ code: "failed", detail: "" }),
        (delivery) => delivery.handBack(),
        (delivery) => delivery.defer(new Date(stage.clock.now() + 100)),
      ];
      for (const settle of again) {
        const delivery = await reader.next();
        assert.deepEqual(await send("while run"), ["holder"]);
        await settle(delivery);
        assert.deepEqual(await send("while waiting again"), ["holder"]);
      }
      assert.equal(await reader.text(), "holder");
    }),
  },
  {
    name: "a unique key until the end is free once its message is acked, dead-lettered, purged or removed with its queue",
    run: withKey(async ({ send, stage, queue }) => {
      const reader = stage.read(queue, { prefetch: 1 });
      const ends: readonly (() => Promise<unknown>)[] = [
        async () => (await reader.next()).ack(),
        async () => (await reader.next()).deadLetter({ code: "rejected", detail: "" }),
        async () => {
          await reader.consumer.stop();
          await stage.eventually(async () => assert.equal((await stage.broker.inspect(queue))?.ready, 1));
          await stage.broker.purge(queue);
        },
        async () => {
          await stage.broker.remove(queue);
          await stage.broker.declare({ queues: [{ name: queue }] });
        },
      ];
      for (const [index, end] of ends.entries()) {
        assert.deepEqual(await send(`holder ${index}`), [undefined]);
        await end();
      }
      assert.deepEqual(await send("last"), [undefined]);
      assert.deepEqual(await send("after the last"), ["last"]);
    }),
  },
  {
    name: "a unique key until the start is free once its message is taken, and stays free when that comes back",
    run: withKey(async ({ send, stage, queue }) => {
      await send("first", { until: "start" });
      assert.deepEqual(await send("too early", { until: "start" }), ["first"]);
      const reader = stage.read(queue, { prefetch: 1 });
      const first = await reader.next();
      assert.deepEqual(await send("second", { until: "start" }), [undefined]);
      await first.requeue();
      assert.deepEqual(await send("third", { until: "start" }), ["second"]);
      assert.deepEqual(await reader.texts(2), ["first", "second"]);
      assert.deepEqual(await send("fourth", { until: "start" }), [undefined]);
    }),
  },
  {
    name: "a unique key stays with a message whose lease ran out",
    run: withKey(async ({ send, stage, queue }) => {
      await send("holder");
      await stage.read(queue, { prefetch: 1 }).next();
      await stage.stall();
      const other = await stage.second();
      const taken = await stage.read(queue, { broker: other }).next();
      assert.deepEqual(await send("while run again"), ["holder"]);
      await taken.ack();
      assert.deepEqual(await send("next"), [undefined]);
    }),
  },
  {
    name: "a message with the holder's correlation id takes the unique key over, whatever becomes of the holder",
    run: withKey(async ({ stage, queue, key, send }) => {
      await send("task");
      const reader = stage.read(queue, { prefetch: 1 });
      const running = await reader.next();
      const retry = { ...unique(queue, "task", { key }), delayMs: 100 };
      assert.equal(await publishOne(stage.broker, retry), undefined);
      await running.ack();
      assert.deepEqual(await send("other"), ["task"]);
      assert.equal(await reader.text(), "task");
      assert.deepEqual(await send("other"), [undefined]);
    }),
  },
  {
    name: "a replacing message removes a holder that is ready or delayed",
    run: withKey(async ({ send, stage, queue }) => {
      const replacing = { onDuplicate: "replace" } as const;
      await send("ready");
      assert.deepEqual(await send("delayed", { ...replacing, delayMs: 60_000 }), [undefined]);
      const depth = await stage.broker.inspect(queue);
      assert.deepEqual([depth?.ready, depth?.delayed], [0, 1]);
      assert.deepEqual(await send("last", replacing), [undefined]);
      assert.deepEqual(await send("too late"), ["last"]);
      const reader = stage.read(queue);
      assert.equal(await reader.text(), "last");
      await reader.expectSilence(50);
      await stage.expectDepth(queue, { delayed: 0 });
    }),
  },
  {
    name: "a replacing message leaves a holder that is being run, and is told of it",
    run: withKey(async ({ send, stage, queue }) => {
      await send("running");
      const running = await stage.read(queue).next();
      assert.deepEqual(await send("late", { onDuplicate: "replace" }), ["running"]);
      await running.ack();
      assert.deepEqual(await send("next", { onDuplicate: "replace" }), [undefined]);
    }),
  },
  {
    name: "a message that is routed to several queues counts once, and holds its unique key in all of them",
    run: withKey(async ({ stage, key }) => {
      const exchange = { name: uniqueName("fanout"), type: "fanout" } as const;
      const queues = [await stage.queue(), await stage.queue()];
      const bindings = queues.map((queue) => ({ exchange: exchange.name, queue, routingKey: "" }));
      await stage.broker.declare({ exchanges: [exchange], bindings });
      const send = (id: string, onDuplicate: UniqueKey["onDuplicate"] = "keep-first") =>
        publishOne(stage.broker, {
          ...to({ exchange: exchange.name, routingKey: "" }, ""),
          message: message(id, { properties: { correlationId: id } }),
          unique: { key, until: "end", onDuplicate },
        });
      assert.equal(await send("first"), undefined);
      assert.equal(await send("second"), "first");
      assert.equal(await send("replacing", "replace"), undefined);
      const readers = queues.map((queue) => stage.read(queue));
      assert.equal(await readers[0]?.text(), "replacing");
      assert.equal(await send("third"), "replacing");
      assert.equal(await readers[1]?.text(), "replacing");
      assert.equal(await send("fourth"), undefined);
    }),
  },
  {
    name: "a message that no queue would get takes no unique key, and a duplicate of no queue is refused all the same",
    run: withKey(async ({ stage, key, send }) => {
      const nowhere = uniqueName("nowhere");
      await assert.rejects(publishOne(stage.broker, unique(nowhere, "lost", { key })), { code: "CELERIAC_UNROUTABLE" });
      assert.deepEqual(await send("first"), [undefined]);
      await assert.rejects(publishOne(stage.broker, unique(nowhere, "lost", { key })), { code: "CELERIAC_UNROUTABLE" });
    }),
  },
  {
    name: "a unique key without a correlation id is refused",
    run: withKey(async ({ stage, queue, key }) => {
      const nameless = { ...unique(queue, "x", { key }), message: message("x") };
      await assert.rejects(stage.broker.publish([nameless]), TypeError);
      assert.equal((await stage.broker.inspect(queue))?.ready, 0);
    }),
  },
  {
    name: "a replayed dead letter takes its unique key again, and goes without it when another message has it",
    run: withKey(async ({ send, stage, queue }) => {
      const reader = stage.read(queue, { prefetch: 1 });
      const die = async (): Promise<void> => (await reader.next()).deadLetter({ code: "rejected", detail: "" });
      await send("first");
      await die();
      assert.equal(await stage.broker.replay({ queue }), 1);
      assert.deepEqual(await send("second"), ["first"]);
      await die();
      await send("third");
      assert.equal(await stage.broker.replay({ queue }), 1);
      assert.deepEqual((await reader.texts(2)).toSorted(), ["first", "third"]);
      assert.deepEqual(await send("fourth"), [undefined]);
    }),
  },
];

interface Setting {
  readonly stage: BrokerStage;
  readonly queue: string;
  readonly key: string;
  /** Publishes one message under the key, its text its correlation id; what `publish` has told. */
  readonly send: (id: string, options?: SendOptions) => Promise<readonly (string | undefined)[]>;
}

type SendOptions = Partial<UniqueKey> & Pick<Publication, "delayMs">;

function withKey(run: (setting: Setting) => Promise<void>): (stage: BrokerStage) => Promise<void> {
  return async (stage) => {
    if (!stage.broker.features.uniqueKeys) return;
    const queue = await stage.queue();
    const key = uniqueName("key");
    const send: Setting["send"] = (id, { delayMs = 0, ...options } = {}) =>
      stage.broker.publish([{ ...unique(queue, id, { key, ...options }), delayMs }]);
    await run({ stage, queue, key, send });
  };
}

function unique(queue: string, id: string, options: Partial<UniqueKey> & Pick<UniqueKey, "key">): Publication {
  return {
    ...toQueue(queue, id),
    message: message(id, { properties: { correlationId: id } }),
    unique: { until: "end", onDuplicate: "keep-first", ...options },
  };
}

async function publishOne(broker: Broker, publication: Publication): Promise<string | undefined> {
  const [holder] = await broker.publish([publication]);
  return holder;
}

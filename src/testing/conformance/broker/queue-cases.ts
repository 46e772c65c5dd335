import assert from "node:assert/strict";

import type { Case } from "../cases.ts";
import { textOf } from "./reader.ts";
import { toQueue, uniqueName } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** Queues as things: counted, emptied, removed, expiring. */
export const queueCases: readonly Case<BrokerStage>[] = [
  {
    name: "a queue that does not exist has no depth, nothing to purge and cannot be removed",
    run: async (stage) => {
      const queue = uniqueName("nowhere");
      assert.equal(await stage.broker.inspect(queue), undefined);
      assert.equal(await stage.broker.purge(queue), 0);
      assert.equal(await stage.broker.remove(queue), false);
    },
  },
  {
    name: "queue names are sorted and hold every queue that was declared",
    run: async (stage) => {
      const declared = [await stage.queue(), await stage.queue(), await stage.queue()];
      const names = await stage.broker.queueNames();
      assert.deepEqual(names, names.toSorted());
      assert.ok(declared.every((queue) => names.includes(queue)));
    },
  },
  {
    name: "a new queue is empty, and what is in it is counted by its state",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.expectDepth(queue, { ready: 0, delayed: 0, unacked: 0 });
      await stage.send(queue, "a", "b", "c");
      const reader = stage.read(queue, { prefetch: 1 });
      await (await reader.next()).defer(new Date(stage.clock.now() + 60_000));
      await reader.next();
      await stage.expectDepth(queue, { ready: 1, delayed: 1, unacked: 1 });
    },
  },
  {
    name: "purging drops what is ready or delayed, tells how many, and leaves what is held",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "held", "deferred", "ready", "ready too");
      const reader = stage.read(queue, { prefetch: 2 });
      const [held, deferred] = await reader.take(2);
      reader.consumer.prefetch = 1;
      await deferred?.defer(new Date(stage.clock.now() + 60_000));
      assert.equal(await stage.broker.purge(queue), 3);
      assert.equal(await stage.broker.purge(queue), 0);
      await stage.expectDepth(queue, { ready: 0, delayed: 0, unacked: 1 });
      await held?.requeue();
      assert.equal(await reader.text(), "held");
    },
  },
  {
    name: "removing a queue takes its messages with it",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "gone");
      assert.equal(await stage.broker.remove(queue), true);
      assert.equal(await stage.broker.inspect(queue), undefined);
      assert.ok(!(await stage.broker.queueNames()).includes(queue));
      await stage.broker.declare({ queues: [{ name: queue }] });
      assert.equal((await stage.broker.inspect(queue))?.ready, 0);
    },
  },
  {
    name: "ifEmpty keeps a queue that holds a ready, a delayed or a held message",
    run: async (stage) => {
      const queue = await stage.queue();
      const removeIfEmpty = (): Promise<boolean> => stage.broker.remove(queue, { ifEmpty: true });
      await stage.send(queue, "x");
      assert.equal(await removeIfEmpty(), false, "ready");
      const reader = stage.read(queue);
      await (await reader.next()).defer(new Date(stage.clock.now() + 200));
      assert.equal(await removeIfEmpty(), false, "delayed");
      const held = await reader.next();
      assert.equal(await removeIfEmpty(), false, "held");
      await held.ack();
      assert.equal(await removeIfEmpty(), true);
    },
  },
  {
    name: "ifUnused keeps a queue that somebody consumes from",
    run: async (stage) => {
      const queue = await stage.queue();
      const reader = stage.read(queue, { broker: await stage.second() });
      await stage.send(queue, "x");
      assert.equal(textOf(await reader.next()), "x");
      await stage.eventually(async () => assert.notEqual((await stage.broker.inspect(queue))?.consumers, 0));
      assert.equal(await stage.broker.remove(queue, { ifUnused: true }), false);
      await reader.consumer[Symbol.asyncDispose]();
      await stage.eventually(async () => assert.equal(await stage.broker.remove(queue, { ifUnused: true }), true));
    },
  },
  {
    name: "an exclusive queue is there for all until the broker object that declared it is disposed",
    run: async (stage) => {
      const owner = await stage.second();
      const queue = uniqueName("reply");
      await owner.declare({ queues: [{ name: queue, exclusive: true }] });
      await stage.broker.publish([toQueue(queue, "reply")]);
      assert.equal(await stage.read(queue, { broker: owner }).text(), "reply");
      await owner[Symbol.asyncDispose]();
      assert.equal(await stage.broker.inspect(queue), undefined);
    },
  },
  {
    name: "a queue that expires goes when it has had no consumer for so long, and not before",
    run: async (stage) => {
      const expiresMs = 300;
      const [used, unused] = [await stage.queue({ expiresMs }), await stage.queue({ expiresMs })];
      const reader = stage.read(used);
      // To look at a queue may count as its use.
      const expectGone = (queue: string): Promise<void> =>
        stage.eventually(async () => {
          await stage.clock.sleep(2 * expiresMs);
          assert.equal(await stage.broker.inspect(queue), undefined);
        });
      await expectGone(unused);
      await reader.expectSilence(2 * expiresMs);
      assert.notEqual(await stage.broker.inspect(used), undefined);
      await reader.consumer[Symbol.asyncDispose]();
      await expectGone(used);
      assert.ok(!(await stage.broker.queueNames()).includes(used));
    },
  },
];

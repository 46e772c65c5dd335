import assert from "node:assert/strict";

import type { BrokerState } from "../../../broker/broker.ts";
import { BrokerUnavailableError, UnroutableError } from "../../../broker/errors.ts";
import type { Case } from "../cases.ts";
import { inTime } from "../waiting.ts";
import { toQueue, uniqueName } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** The broker object itself, from connecting to disposing. */
export const lifeCases: readonly Case<BrokerStage>[] = [
  {
    name: "connecting opens it, and calling it again, or many times at once, is fine",
    run: async (stage) => {
      await Promise.all([stage.broker.connect(), stage.broker.connect(), stage.broker.connect()]);
      await stage.broker.connect();
      assert.equal(stage.broker.state, "open");
    },
  },
  {
    name: "nothing needs an explicit connect",
    run: async (stage) => {
      const broker = await stage.second();
      const queue = uniqueName("queue");
      const reader = stage.read(queue, { broker });
      await broker.declare({ queues: [{ name: queue }] });
      await broker.publish([toQueue(queue, "x")]);
      assert.equal(await reader.text(), "x");
      assert.equal(broker.state, "open");
    },
  },
  {
    name: "every change of state is told, until the listener leaves",
    run: async (stage) => {
      const broker = await stage.second();
      const [heard, left]: [BrokerState[], BrokerState[]] = [[], []];
      broker.onState((state) => heard.push(state));
      const leaving = broker.onState((state) => left.push(state));
      await broker.connect();
      leaving[Symbol.dispose]();
      await broker[Symbol.asyncDispose]();
      assert.equal(heard.at(-1), "closed");
      assert.ok(!left.includes("closed"));
      assert.equal(broker.state, "closed");
    },
  },
  {
    name: "ping tells the round trip in milliseconds",
    run: async (stage) => {
      const ms = await stage.broker.ping();
      assert.ok(ms >= 0 && ms < 5_000, `${ms} ms`);
    },
  },
  {
    name: "a call whose signal is aborted rejects with its reason, and publishes nothing",
    run: async (stage) => {
      const queue = await stage.queue();
      const reason = new Error("changed my mind");
      const signal = AbortSignal.abort(reason);
      await assert.rejects(stage.broker.publish([toQueue(queue, "x")], { signal }), reason);
      await assert.rejects(stage.broker.inspect(queue, { signal }), reason);
      assert.equal((await stage.broker.inspect(queue))?.ready, 0);
    },
  },
  {
    name: "a call whose signal is aborted among others publishes nothing, and keeps nothing from them",
    run: async (stage) => {
      const queue = await stage.queue();
      const reason = new Error("changed my mind");
      const [kept, given] = [new AbortController(), AbortSignal.abort(reason)];
      const calls = [kept.signal, given, kept.signal, given].map((signal, index) =>
        stage.broker.publish([toQueue(queue, `${index}`), toQueue(queue, `${index} too`)], { signal }),
      );
      const outcomes = await Promise.allSettled(calls);
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.status === "fulfilled" ? "sent" : (outcome.reason as unknown))),
        ["sent", reason, "sent", reason],
      );
      const reader = stage.read(queue);
      assert.deepEqual(await reader.texts(4), ["0", "0 too", "2", "2 too"]);
      await reader.expectSilence(20);
    },
  },
  {
    name: "messages outlive the broker object that published them",
    run: async (stage) => {
      const queue = await stage.queue();
      const publisher = await stage.second();
      await publisher.publish([toQueue(queue, "kept")]);
      await publisher[Symbol.asyncDispose]();
      assert.equal(await stage.read(queue).text(), "kept");
    },
  },
  {
    name: "disposing hands everything back, ends every iteration, and can be repeated",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2");
      const broker = await stage.second();
      const reader = stage.read(queue, { broker });
      await reader.next();
      await Promise.all([broker[Symbol.asyncDispose](), broker[Symbol.asyncDispose]()]);
      await broker[Symbol.asyncDispose]();
      assert.deepEqual(await stage.read(queue).texts(2), ["1", "2"]);
    },
  },
  {
    name: "acks that are under way when the broker is disposed are done",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3");
      const broker = await stage.second();
      const acks = (await stage.read(queue, { broker }).take(3)).map((delivery) => delivery.ack());
      await inTime(stage.clock, broker[Symbol.asyncDispose](), "the broker is disposed");
      await Promise.all(acks);
      await stage.expectDepth(queue, { ready: 0, unacked: 0 });
    },
  },
  {
    name: "a broker object that has been disposed refuses everything",
    run: async (stage) => {
      const queue = await stage.queue();
      const broker = await stage.second();
      await broker.connect();
      await broker[Symbol.asyncDispose]();
      const calls: readonly (() => Promise<unknown>)[] = [
        () => broker.connect(),
        () => broker.ping(),
        () => broker.declare({ queues: [{ name: queue }] }),
        () => broker.publish([toQueue(queue, "x")]),
        () => broker.queueNames(),
        () => broker.inspect(queue),
        () => broker.purge(queue),
        () => broker.remove(queue),
        () => broker.deadLetters(),
      ];
      for (const call of calls) await assert.rejects(call, BrokerUnavailableError);
      assert.throws(() => broker.consume([queue], { prefetch: 1 }), BrokerUnavailableError);
    },
  },
  {
    name: "a broker object that never connected can be disposed",
    run: async (stage) => {
      const broker = await stage.second();
      await broker[Symbol.asyncDispose]();
      assert.equal(broker.state, "closed");
      await assert.rejects(stage.send(uniqueName("nowhere"), "x"), UnroutableError);
    },
  },
];

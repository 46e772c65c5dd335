import assert from "node:assert/strict";

import { TopologyMismatchError, UnroutableError } from "../../../broker/errors.ts";
import type { Exchange, ExchangeType } from "../../../routing/topology.ts";
import type { Case } from "../cases.ts";
import { to, toQueue, uniqueName } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** From an exchange to its queues. */
export const routingCases: readonly Case<BrokerStage>[] = [
  {
    name: "a direct exchange routes by equal keys",
    run: async (stage) => {
      const { exchange, queues } = await bound(stage, "direct", ["red", "blue"]);
      await publishKeys(stage, exchange, ["red", "blue", "red"]);
      assert.deepEqual(await contents(stage, queues), [["red", "red"], ["blue"]]);
    },
  },
  {
    name: "a topic exchange routes by words, one for a star and any number for a hash",
    run: async (stage) => {
      const { exchange, queues } = await bound(stage, "topic", ["task.*", "task.#", "#.failed", "#"]);
      await publishKeys(stage, exchange, ["task", "task.sent", "task.sent.failed", "worker.failed"]);
      assert.deepEqual(await contents(stage, queues), [
        ["task.sent"],
        ["task", "task.sent", "task.sent.failed"],
        ["task.sent.failed", "worker.failed"],
        ["task", "task.sent", "task.sent.failed", "worker.failed"],
      ]);
    },
  },
  {
    name: "a fanout exchange copies to every queue whatever the key",
    run: async (stage) => {
      const { exchange, queues } = await bound(stage, "fanout", ["", "ignored"]);
      await publishKeys(stage, exchange, ["any", ""]);
      assert.deepEqual(await contents(stage, queues), [
        ["any", ""],
        ["any", ""],
      ]);
    },
  },
  {
    name: "a message that two bindings of one queue match arrives once",
    run: async (stage) => {
      const { exchange, queues } = await bound(stage, "topic", ["a.*"]);
      const [queue = ""] = queues;
      await stage.broker.declare({ bindings: [{ exchange: exchange.name, queue, routingKey: "*.b" }] });
      await publishKeys(stage, exchange, ["a.b"]);
      assert.deepEqual(await contents(stage, queues), [["a.b"]]);
    },
  },
  {
    name: "copies in several queues are settled independently",
    run: async (stage) => {
      const { exchange, queues } = await bound(stage, "fanout", ["", ""]);
      await publishKeys(stage, exchange, ["x"]);
      const [one = "", other = ""] = queues;
      assert.equal(await stage.read(one).text(), "x");
      assert.equal((await stage.broker.inspect(other))?.ready, 1);
    },
  },
  {
    name: "publishing to a queue that does not exist is refused",
    run: async (stage) => {
      const queue = uniqueName("nowhere");
      await assert.rejects(stage.send(queue, "lost"), (error: unknown) => {
        assert.ok(error instanceof UnroutableError);
        assert.deepEqual([error.exchange, error.routingKey], ["", queue]);
        return true;
      });
      assert.equal(await stage.broker.inspect(queue), undefined);
    },
  },
  {
    name: "publishing to an exchange that does not exist, or with a key that matches no binding, is refused",
    run: async (stage) => {
      const { exchange } = await bound(stage, "direct", ["red"]);
      const publishTo = (name: string, routingKey: string): Promise<unknown> =>
        stage.broker.publish([to({ exchange: name, routingKey }, "lost")]);
      await assert.rejects(publishTo(uniqueName("nowhere"), "red"), UnroutableError);
      await assert.rejects(publishTo(exchange.name, "green"), UnroutableError);
      await publishTo(exchange.name, "red");
    },
  },
  {
    name: "a batch with one unroutable message publishes nothing",
    run: async (stage) => {
      const queue = await stage.queue();
      const batch = [toQueue(queue, "a"), toQueue(uniqueName("nowhere"), "b"), toQueue(queue, "c")];
      await assert.rejects(stage.broker.publish(batch), UnroutableError);
      assert.equal((await stage.broker.inspect(queue))?.ready, 0);
    },
  },
  {
    name: "of calls at the same time, the unroutable ones fail and the others publish",
    run: async (stage) => {
      const queue = await stage.queue();
      const nowhere = [uniqueName("nowhere"), uniqueName("nowhere")];
      const outcomes = await Promise.allSettled(
        ["a", nowhere[0], "b", nowhere[1], "c"].map((text = "") =>
          stage.send(nowhere.includes(text) ? text : queue, text),
        ),
      );
      assert.deepEqual(
        outcomes.map((outcome) =>
          outcome.status === "fulfilled" ? "sent" : (outcome.reason as UnroutableError).routingKey,
        ),
        ["sent", nowhere[0], "sent", nowhere[1], "sent"],
      );
      assert.deepEqual(await stage.read(queue).texts(3), ["a", "b", "c"]);
    },
  },
  {
    name: "an empty batch is published at once",
    run: async (stage) => {
      await stage.broker.publish([]);
    },
  },
  {
    name: "what another broker object removes or declares counts from then on",
    run: async (stage) => {
      const queue = await stage.queue();
      const other = await stage.second();
      await stage.send(queue, "before");
      assert.equal(await other.remove(queue), true);
      await assert.rejects(stage.send(queue, "lost"), UnroutableError);
      await other.declare({ queues: [{ name: queue }] });
      await stage.send(queue, "after");
      assert.deepEqual(await contents(stage, [queue]), [["after"]]);
    },
  },
  {
    name: "bindings that another broker object adds, or removes with their queue, count from then on",
    run: async (stage) => {
      const { exchange, queues } = await bound(stage, "fanout", [""]);
      const [first = ""] = queues;
      const other = await stage.second();
      await publishKeys(stage, exchange, ["1"]);
      const added = uniqueName("queue");
      await other.declare({
        queues: [{ name: added }],
        bindings: [{ exchange: exchange.name, queue: added, routingKey: "" }],
      });
      await publishKeys(stage, exchange, ["2"]);
      assert.equal(await other.remove(first), true);
      await publishKeys(stage, exchange, ["3"]);
      assert.deepEqual(await contents(stage, [added]), [["2", "3"]]);
      assert.equal(await other.remove(added), true);
      await assert.rejects(publishKeys(stage, exchange, ["4"]), UnroutableError);
    },
  },
  {
    name: "declaring again changes nothing and keeps the messages",
    run: async (stage) => {
      const { exchange, queues } = await bound(stage, "direct", ["key"]);
      const [queue = ""] = queues;
      await publishKeys(stage, exchange, ["key"]);
      const topology = {
        exchanges: [exchange],
        queues: [{ name: queue }],
        bindings: [{ exchange: exchange.name, queue, routingKey: "key" }],
      };
      await stage.broker.declare(topology);
      await (await stage.second()).declare(topology);
      await publishKeys(stage, exchange, ["key"]);
      assert.deepEqual(await contents(stage, queues), [["key", "key"]]);
    },
  },
  {
    name: "an exchange cannot be declared again with another type",
    run: async (stage) => {
      const { exchange } = await bound(stage, "direct", ["key"]);
      const declared = stage.broker.declare({ exchanges: [{ name: exchange.name, type: "topic" }] });
      await assert.rejects(declared, TopologyMismatchError);
      await publishKeys(stage, exchange, ["key"]);
    },
  },
  {
    name: "names may hold any characters",
    run: async (stage) => {
      for (const name of [
        "a b/c%d",
        'it\'s "quoted"',
        "ünïcödé🙂",
        "dots.and:colons",
        "--flag",
        "x'; DROP TABLE y; --",
      ]) {
        const queue = uniqueName(name);
        await stage.broker.declare({ queues: [{ name: queue }] });
        await stage.send(queue, name);
        assert.ok((await stage.broker.queueNames()).includes(queue));
        assert.deepEqual(await contents(stage, [queue]), [[name]]);
      }
    },
  },
];

/** An exchange with a queue for each binding key. */
async function bound(
  stage: BrokerStage,
  type: ExchangeType,
  keys: readonly string[],
): Promise<{ readonly exchange: Exchange; readonly queues: readonly string[] }> {
  const exchange = { name: uniqueName(type), type };
  const queues = keys.map(() => uniqueName("queue"));
  await stage.broker.declare({
    exchanges: [exchange],
    queues: queues.map((name) => ({ name })),
    bindings: queues.map((queue, index) => ({ exchange: exchange.name, queue, routingKey: keys[index] ?? "" })),
  });
  return { exchange, queues };
}

/** One message for each key, with the key as its text. */
async function publishKeys(stage: BrokerStage, exchange: Exchange, keys: readonly string[]): Promise<void> {
  await stage.broker.publish(keys.map((routingKey) => to({ exchange: exchange.name, routingKey }, routingKey)));
}

/** Everything that is ready in each queue. */
async function contents(stage: BrokerStage, queues: readonly string[]): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = [];
  for (const queue of queues) {
    const depth = await stage.broker.inspect(queue);
    const reader = stage.read(queue);
    found.push(await reader.texts(depth?.ready ?? 0));
    await reader.expectSilence(20);
    await reader.consumer[Symbol.asyncDispose]();
  }
  return found;
}

import assert from "node:assert/strict";

import { UnroutableError } from "../../../broker/errors.ts";
import type { Case } from "../cases.ts";
import { bury, buryNext } from "./bury.ts";
import { textOf } from "./reader.ts";
import { uniqueName } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** Dead letters that are sent on their way again, or forgotten. */
export const replayCases: readonly Case<BrokerStage>[] = [
  {
    name: "a replayed dead letter goes to the end of its queue as if new, with a fence that goes on growing",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "dead");
      const reader = stage.read(queue, { prefetch: 1 });
      await (await reader.next()).requeue({ code: "failed", detail: "once" });
      const last = await reader.next();
      await stage.send(queue, "waiting");
      await last.deadLetter({ code: "rejected", detail: "twice" });
      const waiting = await reader.next();
      assert.equal(await stage.broker.replay({ queue }), 1);
      assert.deepEqual(await stage.broker.deadLetters({ queue }), []);
      await stage.send(queue, "later");
      await waiting.ack();
      const replayed = await reader.next();
      assert.deepEqual([textOf(replayed), replayed.deliveries], ["dead", 1]);
      assert.ok(replayed.fence > last.fence, "the fence grows");
      await replayed.deadLetter({ code: "rejected", detail: "thrice" });
      assert.equal(await reader.text(), "later");
      const [again] = await stage.broker.deadLetters({ queue });
      assert.deepEqual(
        again?.history.map(({ detail }) => detail),
        ["once", "twice"],
      );
      assert.deepEqual([again.reason.detail, again.deliveries], ["thrice", 1]);
    },
  },
  {
    name: "dead letters are replayed by their ids, each once, and ids that name none select nothing",
    run: async (stage) => {
      const queue = await stage.queue();
      const letters = await bury(stage, queue, ["a", "b", "c"]);
      const ids = letters.map(({ id }) => id);
      const [first = "", , third = ""] = ids;
      assert.equal(await stage.broker.replay({ ids: [third, first, first, "4000000000", "nonsense"] }), 2);
      assert.equal(await stage.broker.replay({ ids: [first, third] }), 0);
      assert.equal(await stage.broker.replay({ ids: [] }), 0);
      assert.deepEqual((await stage.broker.deadLetters({ queue })).map(textOf), ["b"]);
      assert.deepEqual((await stage.read(queue).texts(2)).toSorted(), ["a", "c"]);
    },
  },
  {
    name: "dead letters are replayed by queue and by code, the oldest first",
    run: async (stage) => {
      const [queue, other] = [await stage.queue(), await stage.queue()];
      await bury(stage, queue, ["a", "b", "c"], (text) => (text === "b" ? "unknown-task" : "rejected"));
      await bury(stage, other, ["x", "y"]);
      assert.equal(await stage.broker.replay({ queue, code: "rejected" }), 2);
      assert.deepEqual(await stage.read(queue).texts(2), ["a", "c"]);
      assert.deepEqual((await stage.broker.deadLetters({ queue })).map(textOf), ["b"]);
      assert.equal(await stage.broker.replay({}), 3);
      assert.deepEqual(await stage.broker.deadLetters(), []);
      assert.deepEqual(await stage.read(other).texts(2), ["x", "y"]);
    },
  },
  {
    name: "dead letters are replayed to another queue when it is named, and it is theirs from then on",
    run: async (stage) => {
      const [queue, other] = [await stage.queue(), await stage.queue()];
      await bury(stage, queue, ["a"]);
      assert.equal(await stage.broker.replay({ queue }, { queue: other }), 1);
      const replayed = await stage.read(other).next();
      assert.deepEqual([textOf(replayed), replayed.queue], ["a", other]);
      await replayed.deadLetter({ code: "rejected", detail: "" });
      assert.equal((await stage.broker.deadLetters({ queue: other })).length, 1);
      assert.deepEqual(await stage.broker.deadLetters({ queue }), []);
    },
  },
  {
    name: "a replay to a queue that does not exist is refused, and replays nothing",
    run: async (stage) => {
      const [kept, removed] = [await stage.queue(), await stage.queue()];
      const ids = [...(await bury(stage, kept, ["a"])), ...(await bury(stage, removed, ["b"]))].map(({ id }) => id);
      assert.equal(await stage.broker.remove(removed), true);
      const nowhere = uniqueName("nowhere");
      for (const [replay, queue] of [
        [stage.broker.replay({ ids }), removed],
        [stage.broker.replay({}), removed],
        [stage.broker.replay({ queue: kept }, { queue: nowhere }), nowhere],
      ] as const) {
        await assert.rejects(replay, (error) => error instanceof UnroutableError && error.routingKey === queue);
      }
      assert.equal((await stage.broker.inspect(kept))?.ready, 0);
      assert.equal((await stage.broker.deadLetters()).length, 2);
      assert.equal(await stage.broker.replay({ ids }, { queue: kept }), 2);
    },
  },
  {
    name: "of two that replay the same dead letters at once each replays what the other does not",
    run: async (stage) => {
      const queue = await stage.queue();
      const other = await stage.second();
      const texts = Array.from({ length: 50 }, (_, index) => `m${index}`);
      const ids = (await bury(stage, queue, texts)).map(({ id }) => id);
      const counts = await Promise.all([
        stage.broker.replay({ ids }),
        other.replay({ queue }),
        stage.broker.replay({ queue, code: "rejected" }),
        other.replay({ ids: ids.toReversed() }),
      ]);
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        50,
      );
      const reader = stage.read(queue);
      assert.deepEqual((await reader.texts(50)).toSorted(), texts.toSorted());
      await reader.expectSilence(50);
    },
  },
  {
    name: "a replay wakes a consumer that waits",
    run: async (stage) => {
      const queue = await stage.queue();
      await bury(stage, queue, ["x"]);
      const reader = stage.read(queue, { broker: await stage.second() });
      await reader.expectSilence(50);
      await stage.broker.replay({ queue });
      assert.equal(await reader.text(), "x");
    },
  },
  {
    name: "dropped dead letters are gone, and only those that were chosen",
    run: async (stage) => {
      const [queue, other] = [await stage.queue(), await stage.queue()];
      const [first] = await bury(stage, queue, ["a", "b", "c", "d"], (text) =>
        text === "b" ? "unknown-task" : "rejected",
      );
      await bury(stage, other, ["x"]);
      const { broker } = stage;
      assert.equal(await broker.drop({ ids: [first?.id ?? "", "nonsense"] }), 1);
      assert.equal(await broker.drop({ queue, code: "unknown-task" }), 1);
      assert.deepEqual((await broker.deadLetters()).map(textOf), ["c", "d", "x"]);
      assert.equal(await broker.drop({ queue }), 2);
      assert.equal(await broker.drop({}), 1);
      assert.deepEqual(await broker.deadLetters(), []);
      assert.equal((await broker.inspect(queue))?.ready, 0);
    },
  },
  {
    name: "thousands of dead letters are replayed and dropped while others publish",
    run: async (stage) => {
      const queue = await stage.queue();
      const texts = Array.from({ length: 2_500 }, (_, index) => `m${index}`);
      await bury(stage, queue, texts);
      const [replayed] = await Promise.all([stage.broker.replay({ queue }), stage.send(queue, "sent meanwhile")]);
      assert.equal(replayed, texts.length);
      assert.equal((await stage.broker.inspect(queue))?.ready, texts.length + 1);
      await buryNext(stage.read(queue), texts.length + 1);
      assert.equal(await stage.broker.drop({ queue }), texts.length + 1);
    },
  },
];

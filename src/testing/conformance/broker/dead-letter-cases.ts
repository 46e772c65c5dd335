import assert from "node:assert/strict";

import type { DeadLetterQuery } from "../../../broker/broker.ts";
import type { Case } from "../cases.ts";
import { bury } from "./bury.ts";
import { textOf } from "./reader.ts";
import { message } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

/** What is out of the way of every consumer: kept with its history, and listed. */
export const deadLetterCases: readonly Case<BrokerStage>[] = [
  {
    name: "a dead letter keeps its message, its queue, its reason and its count, and reaches no consumer",
    run: async (stage) => {
      const queue = await stage.queue();
      const sent = message("\u0000bad\uffff", {
        headers: { id: "t1", nested: { deep: [1, null, "ü"] } },
        properties: { correlationId: "t1", replyTo: "me", priority: 3, deliveryMode: 2 },
      });
      await stage.broker.publish([{ message: sent, route: { exchange: "", routingKey: queue } }]);
      const reader = stage.read(queue);
      await (await reader.next()).requeue();
      const before = stage.clock.now();
      await (await reader.next()).deadLetter({ code: "unreadable", detail: "Not JSON at byte 0." });
      const [letter, ...others] = await stage.broker.deadLetters({ queue });
      assert.equal(others.length, 0);
      assert.equal(letter?.queue, queue);
      assert.deepEqual(letter.reason, { code: "unreadable", detail: "Not JSON at byte 0." });
      assert.equal(letter.deliveries, 2);
      assert.ok(Math.abs(letter.diedAt.getTime() - before) < 5_000, "diedAt is now");
      assert.deepEqual({ ...letter.message, body: textOf(letter) }, { ...sent, body: textOf({ message: sent }) });
      await reader.expectSilence(50);
    },
  },
  {
    name: "a dead letter's history tells what happened at each failed delivery that said so",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "x");
      const reader = stage.read(queue);
      const start = stage.clock.now();
      await (await reader.next()).requeue({ code: "crashed", detail: "SIGSEGV" });
      await (await reader.next()).requeue();
      await (await reader.next()).handBack();
      await (await reader.next()).requeue({ code: "failed", detail: "Disk full." });
      await (await reader.next()).deadLetter({ code: "delivery-limit", detail: "" });
      const [letter] = await stage.broker.deadLetters({ queue });
      assert.deepEqual(
        letter?.history.map(({ code, detail }) => [code, detail]),
        [
          ["crashed", "SIGSEGV"],
          ["failed", "Disk full."],
        ],
      );
      for (const { at } of letter.history) assert.ok(at.getTime() >= start && at <= letter.diedAt, "in between");
      assert.equal(letter.deliveries, 4);
    },
  },
  {
    name: "a history keeps the last twenty notes",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "x");
      const reader = stage.read(queue);
      for (let n = 1; n <= 23; n += 1) await (await reader.next()).requeue({ code: "failed", detail: String(n) });
      await (await reader.next()).deadLetter({ code: "rejected", detail: "" });
      const [letter] = await stage.broker.deadLetters({ queue });
      const lastTwenty = Array.from({ length: 20 }, (_, index) => String(index + 4));
      assert.deepEqual(
        letter?.history.map(({ detail }) => detail),
        lastTwenty,
      );
      assert.equal(letter.deliveries, 24);
    },
  },
  {
    name: "a lease that ran out without an answer is in the history, with the time when it did",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "x");
      await stage.read(queue, { prefetch: 1 }).next();
      const start = stage.clock.now();
      await stage.stall();
      const other = await stage.second();
      const taken = await stage.read(queue, { broker: other }).next();
      await taken.deadLetter({ code: "delivery-limit", detail: "" });
      const [letter] = await other.deadLetters({ queue });
      assert.deepEqual(
        letter?.history.map(({ code }) => code),
        ["lease-lost"],
      );
      const [lost] = letter.history;
      const lostAfter = (lost?.at.getTime() ?? 0) - start;
      assert.ok(lostAfter > 0 && lostAfter <= 2 * stage.leaseMs, `lost after ${lostAfter} ms`);
    },
  },
  {
    name: "what an orderly consumer gives back leaves no note",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "x");
      const first = stage.read(queue);
      await (await first.next()).defer(new Date(stage.clock.now() + 50));
      await first.next();
      await first.consumer[Symbol.asyncDispose]();
      const delivery = await stage.read(queue).next();
      assert.equal(delivery.deliveries, 1);
      await delivery.deadLetter({ code: "rejected", detail: "" });
      assert.deepEqual((await stage.broker.deadLetters({ queue }))[0]?.history, []);
    },
  },
  {
    name: "dead letters are listed oldest first, by queue, and no more than asked for",
    run: async (stage) => {
      const [one, other] = [await stage.queue(), await stage.queue()];
      await stage.send(one, "1", "2", "3");
      await stage.send(other, "x");
      const [reader, otherReader] = [stage.read(one), stage.read(other)];
      await (await otherReader.next()).deadLetter({ code: "rejected", detail: "" });
      for (const delivery of await reader.take(3)) await delivery.deadLetter({ code: "rejected", detail: "" });
      assert.deepEqual((await stage.broker.deadLetters({ queue: one })).map(textOf), ["1", "2", "3"]);
      assert.deepEqual((await stage.broker.deadLetters({ queue: one, limit: 2 })).map(textOf), ["1", "2"]);
      const ids = (await stage.broker.deadLetters()).map((letter) => letter.id);
      assert.ok(ids.length >= 4);
      assert.equal(new Set(ids).size, ids.length);
    },
  },
  {
    name: "dead letters are listed by code, and page by page, also when the last one seen is gone",
    run: async (stage) => {
      const [queue, other] = [await stage.queue(), await stage.queue()];
      await bury(stage, queue, ["a", "b", "c", "d"], (text) => (text === "b" ? "unknown-task" : "rejected"));
      await bury(stage, other, ["e"], () => "unknown-task");
      const texts = async (query: DeadLetterQuery): Promise<readonly string[]> =>
        (await stage.broker.deadLetters(query)).map(textOf);
      assert.deepEqual(await texts({ code: "unknown-task" }), ["b", "e"]);
      assert.deepEqual(await texts({ code: "unknown-task", queue: other }), ["e"]);
      assert.deepEqual(await texts({ code: "no-such-code" }), []);
      const [, second] = await stage.broker.deadLetters({ queue, limit: 2 });
      const after = second?.id;
      assert.deepEqual(await texts({ queue, after }), ["c", "d"]);
      assert.equal(await stage.broker.drop({ ids: [after ?? ""] }), 1);
      assert.deepEqual(await texts({ queue, after }), ["c", "d"]);
      assert.deepEqual(await texts({ queue, after, limit: 1, code: "rejected" }), ["c"]);
    },
  },
];

import assert from "node:assert/strict";

import { DeliveryLostError } from "../../../broker/errors.ts";
import type { Case } from "../cases.ts";
import { inTime } from "../waiting.ts";
import { textOf } from "./reader.ts";
import type { BrokerStage } from "./stage.ts";

/** What becomes of a delivery whose holder is slow, stuck or dead. A holder that is to be stalled has no credit left, so that it takes nothing itself. */
export const leaseCases: readonly Case<BrokerStage>[] = [
  {
    name: "a lease that runs out gives the message to another consumer, and the late ack says so",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "held");
      const late = await stage.read(queue, { prefetch: 1 }).next();
      await stage.stall();
      const other = await stage.second();
      const taken = await stage.read(queue, { broker: other }).next();
      assert.equal(textOf(taken), "held");
      assert.equal(taken.deliveries, 2);
      assert.ok(taken.fence > late.fence, "the fence grows");
      await assert.rejects(late.ack(), DeliveryLostError);
      await stage.expectDepth(queue, { unacked: 1 }, other);
      await taken.ack();
      await stage.expectDepth(queue, { unacked: 0 }, other);
    },
  },
  {
    name: "no late settlement changes what another consumer holds",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3");
      const [first, second, third] = await stage.read(queue, { prefetch: 3 }).take(3);
      await stage.stall();
      const other = await stage.second();
      const taken = await stage.read(queue, { broker: other }).take(3);
      const late = await Promise.allSettled([
        first?.requeue(),
        second?.defer(new Date(stage.clock.now() + 60_000)),
        third?.deadLetter({ code: "rejected", detail: "" }),
      ]);
      for (const outcome of late) {
        assert.ok(outcome.status === "rejected" && outcome.reason instanceof DeliveryLostError);
      }
      await Promise.all(taken.map((delivery) => delivery.ack()));
      await stage.expectDepth(queue, { ready: 0, delayed: 0, unacked: 0 }, other);
      assert.deepEqual(await other.deadLetters({ queue }), []);
    },
  },
  {
    name: "a holder learns that its lease was lost",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "held");
      const late = await stage.read(queue, { prefetch: 1 }).next();
      const { lost } = late;
      await stage.stall();
      const taken = await stage.read(queue, { broker: await stage.second() }).next();
      await stage.resume();
      await inTime(stage.clock, aborted(lost), "the signal aborts");
      assert.ok(lost.reason instanceof DeliveryLostError);
      await assert.rejects(late.ack(), DeliveryLostError);
      await taken.ack();
    },
  },
  {
    name: "a lease is confirmed while it is held, and no longer once another has taken the message",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "held");
      const late = await stage.read(queue, { prefetch: 1 }).next();
      await late.confirm();
      await stage.stall();
      const taken = await stage.read(queue, { broker: await stage.second() }).next();
      await assert.rejects(late.confirm(), DeliveryLostError);
      assert.equal(late.lost.aborted, true);
      await assert.rejects(late.ack(), DeliveryLostError);
      await taken.confirm();
      await taken.ack();
    },
  },
  {
    name: "a lease that ran out is confirmed while nobody has taken the message, and lasts again from then",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "held");
      const late = await stage.read(queue, { prefetch: 1 }).next();
      await stage.stall();
      await stage.clock.sleep(stage.leaseMs + 10);
      await late.confirm();
      const reader = stage.read(queue, { broker: await stage.second() });
      await reader.expectSilence(stage.leaseMs / 2);
      await late.ack();
    },
  },
  {
    name: "what a living consumer holds goes to nobody else, however long it takes",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "long");
      const delivery = await stage.read(queue).next();
      await stage.read(queue, { broker: await stage.second() }).expectSilence(3 * stage.leaseMs);
      assert.equal(delivery.lost.aborted, false);
      await delivery.ack();
      await stage.expectDepth(queue, { unacked: 0 });
    },
  },
  {
    name: "what a living consumer has taken but not yielded goes to nobody else either",
    run: async (stage) => {
      const queue = await stage.queue();
      await stage.send(queue, "1", "2", "3");
      const reader = stage.read(queue);
      const first = await reader.next();
      await stage.read(queue, { broker: await stage.second() }).expectSilence(2 * stage.leaseMs);
      await first.ack();
      assert.deepEqual(await reader.texts(2), ["2", "3"]);
    },
  },
];

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

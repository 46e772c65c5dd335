import assert from "node:assert/strict";

import { MessageTooLargeError } from "../../../broker/errors.ts";
import type { Message } from "../../../message/message.ts";
import type { Case } from "../cases.ts";
import { message, uniqueName } from "./stage.ts";
import type { BrokerStage } from "./stage.ts";

const BIG = 5 * 1024 * 1024;

/** What is inside a message comes out as it went in. */
export const contentCases: readonly Case<BrokerStage>[] = [
  {
    name: "every byte value in a body is kept",
    run: async (stage) => {
      const body = Uint8Array.from({ length: 1_024 }, (_, index) => index % 256);
      await expectUnchanged(
        stage,
        message("", { body, contentType: "application/octet-stream", contentEncoding: "binary" }),
      );
    },
  },
  {
    name: "an empty body is kept",
    run: (stage) => expectUnchanged(stage, message("")),
  },
  {
    name: "a body of five megabytes is kept",
    run: async (stage) => {
      if (stage.broker.features.maxMessageBytes < BIG) return;
      await expectUnchanged(
        stage,
        message("", { body: Uint8Array.from({ length: BIG }, (_, index) => (index * 31) % 251) }),
      );
    },
  },
  {
    name: "a body that is larger than the broker takes is refused, and nothing is published",
    run: async (stage) => {
      const { maxMessageBytes } = stage.broker.features;
      const queue = await stage.queue();
      const route = { exchange: "", routingKey: queue };
      // Its pages are never touched, so that it costs no memory.
      const body = new Uint8Array(new ArrayBuffer(maxMessageBytes + 1));
      const batch = [message("small"), message("", { body })].map((sent) => ({ message: sent, route }));
      await assert.rejects(stage.broker.publish(batch), MessageTooLargeError);
      assert.equal((await stage.broker.inspect(queue))?.ready, 0);
    },
  },
  {
    name: "headers are kept: any JSON, any characters, any depth",
    run: (stage) =>
      expectUnchanged(
        stage,
        message("{}", {
          headers: {
            text: "grüße 你好 🙂 \u0000 \u2028 \"'\\",
            "ключ 🔑": true,
            numbers: [0, -1, 1.5, 1e21, Number.MAX_SAFE_INTEGER],
            nothing: null,
            empty: [{}, [], ""],
            deep: { a: { b: { c: { d: [[["e"]]] } } } },
            stamped_headers: ["x"],
          },
        }),
      ),
  },
  {
    name: "all properties are kept, and none is invented",
    run: async (stage) => {
      const properties: readonly Message["properties"][] = [
        {
          correlationId: "id-1",
          replyTo: "reply-queue",
          priority: 5,
          deliveryMode: 2,
          expirationMs: 60_000,
          appId: "a",
        },
        { deliveryMode: 1, priority: 0 },
        { priority: 9 },
        { correlationId: "" },
        {},
      ];
      for (const each of properties) await expectUnchanged(stage, message("x", { properties: each }));
    },
  },
  {
    name: "content type and encoding are kept",
    run: (stage) =>
      expectUnchanged(stage, message("x", { contentType: "application/x-yaml", contentEncoding: "us-ascii" })),
  },
  {
    name: "what the sender does with its bytes after publishing changes nothing",
    run: async (stage) => {
      const queue = await stage.queue();
      const body = Buffer.from("original");
      await stage.broker.publish([{ message: message("", { body }), route: { exchange: "", routingKey: queue } }]);
      body.fill("x");
      assert.equal(await stage.read(queue).text(), "original");
    },
  },
];

/** Also through another broker object, and after a requeue. */
async function expectUnchanged(stage: BrokerStage, sent: Message): Promise<void> {
  const name = uniqueName("queue");
  await stage.broker.declare({ queues: [{ name }] });
  await stage.broker.publish([{ message: sent, route: { exchange: "", routingKey: name } }]);
  const reader = stage.read(name, { broker: await stage.second() });
  await (await reader.next()).requeue();
  const received = await reader.next();
  const { body, ...rest } = received.message;
  const { body: sentBody, ...sentRest } = sent;
  assert.deepEqual(rest, sentRest);
  assert.ok(Buffer.from(sentBody).equals(body), `the body of ${sentBody.length} bytes differs`);
  await received.ack();
}

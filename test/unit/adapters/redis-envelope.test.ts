import { describe, expect, it } from "vitest";
import { decodeEnvelope, encodeEnvelope, priorityStep, redelivered } from "../../../src/adapters/redis/envelope.ts";
import type { Message } from "../../../src/message/message.ts";

const ADDRESS = { exchange: "", routingKey: "celery", deliveryTag: "803149fc-78ae-4b77-8d67-50191470f5c5" };

/** LPUSHed by Celery 5.7: `send_task("golden.add", (2, 3), {"ü": "é\0"}, expires=120)`. */
const FROM_PYTHON =
  '{"body": "W1syLCAzXSwgeyJcdTAwZmMiOiAiXHUwMGU5XHUwMDAwIn0sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVsbCwgImNob3JkIjogbnVsbH1d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "golden.add", "id": "11111111-2222-4333-8444-555555555555", "shadow": null, "kwargsrepr": "{\'\\u00fc\': \'\\u00e9\\u0000\'}"}, "properties": {"correlation_id": "11111111-2222-4333-8444-555555555555", "reply_to": "99999999-8888-4777-8666-555555555555", "delivery_mode": 2, "expiration": "120000", "delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "803149fc-78ae-4b77-8d67-50191470f5c5"}}';

const MESSAGE: Message = {
  body: Buffer.from(
    '[[2, 3], {"\\u00fc": "\\u00e9\\u0000"}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
  ),
  contentType: "application/json",
  contentEncoding: "utf-8",
  headers: {
    lang: "py",
    task: "golden.add",
    id: "11111111-2222-4333-8444-555555555555",
    shadow: null,
    kwargsrepr: "{'ü': 'é\0'}",
  },
  properties: {
    correlationId: "11111111-2222-4333-8444-555555555555",
    replyTo: "99999999-8888-4777-8666-555555555555",
    deliveryMode: 2,
    priority: 0,
    expirationMs: 120_000,
  },
};

describe("Kombu's envelope", () => {
  it("what Python sent is read whole", () => {
    const envelope = decodeEnvelope(FROM_PYTHON);
    expect(envelope).toEqual({
      message: { ...MESSAGE, body: expect.anything() as unknown },
      deliveryTag: ADDRESS.deliveryTag,
      isRedelivered: false,
      own: undefined,
    });
    expect(Buffer.from(envelope?.message.body ?? "")).toEqual(MESSAGE.body);
  });

  it("headers with numbers that JSON lacks are read as Python writes them", () => {
    const text = FROM_PYTHON.replace('"shadow": null', '"score": NaN, "limit": Infinity');
    expect(decodeEnvelope(text)?.message.headers).toMatchObject({ score: NaN, limit: Infinity });
  });

  it("what is written is what Python writes, its fields in the same order", () => {
    const written = encodeEnvelope(MESSAGE, ADDRESS);
    expect(written).toBe(JSON.stringify(JSON.parse(FROM_PYTHON)));
  });

  it.each([undefined, "utf-8"])("a body whose body_encoding is %s is text", (encoding) => {
    const properties = { body_encoding: encoding, delivery_tag: "t", delivery_info: {} };
    const envelope = decodeEnvelope(JSON.stringify({ body: '["é"]', headers: {}, properties }));
    expect(Buffer.from(envelope?.message.body ?? "").toString()).toBe('["é"]');
  });

  it("properties that a message has not are not there, and none is invented", () => {
    const message: Message = { ...MESSAGE, headers: {}, properties: {} };
    const { properties } = JSON.parse(encodeEnvelope(message, ADDRESS)) as { readonly properties: object };
    expect(Object.keys(properties)).toEqual(["delivery_info", "body_encoding", "delivery_tag"]);
    expect(decodeEnvelope(encodeEnvelope(message, ADDRESS))?.message.properties).toEqual({});
  });

  it("a view of part of a buffer is sent as that part", () => {
    const body = new Uint8Array(Buffer.from("..body..")).subarray(2, 6);
    const envelope = decodeEnvelope(encodeEnvelope({ ...MESSAGE, body }, ADDRESS));
    expect(Buffer.from(envelope?.message.body ?? "").toString()).toBe("body");
  });

  it.each(["", "null", "[]", "{}", "{garbage", '"text"', '{"body":5,"properties":{}}', '{"body":"","properties":[]}'])(
    "%j is no envelope",
    (text) => {
      expect(decodeEnvelope(text)).toBeUndefined();
    },
  );

  it("properties of another kind than they should be are left out", () => {
    const properties = { correlation_id: 1, reply_to: null, priority: "x", delivery_mode: 3, expiration: "soon" };
    expect(decodeEnvelope(JSON.stringify({ body: "", properties }))?.message.properties).toEqual({});
  });
});

describe("what is given back", () => {
  it("is marked as Kombu marks it, and the mark is not its sender's", () => {
    const marked = redelivered(FROM_PYTHON, { deliveries: 1 });
    expect(JSON.parse(marked)).toMatchObject({
      headers: { redelivered: true, task: "golden.add" },
      properties: { delivery_info: { redelivered: true, routing_key: "celery" }, delivery_tag: ADDRESS.deliveryTag },
      celeriac: { deliveries: 1 },
    });
    const envelope = decodeEnvelope(marked);
    expect([envelope?.isRedelivered, envelope?.own]).toEqual([true, { deliveries: 1 }]);
    expect(envelope?.message.headers).toEqual(MESSAGE.headers);
  });

  it("a header of that name that its sender put there stays", () => {
    const text = encodeEnvelope({ ...MESSAGE, headers: { redelivered: true } }, ADDRESS);
    expect(decodeEnvelope(text)?.message.headers).toEqual({ redelivered: true });
  });

  it("keeps integers of any size and empty lists as they are", () => {
    const text = FROM_PYTHON.replace('"shadow": null', '"big": 123456789012345678901234567890, "empty": []');
    expect(redelivered(text, undefined)).toContain('"big":123456789012345678901234567890,"empty":[]');
  });
});

it.each([
  [undefined, 0],
  [-1, 0],
  [0, 0],
  [2, 0],
  [3, 3],
  [5, 3],
  [6, 6],
  [8.9, 6],
  [9, 9],
  [255, 9],
])("a message of priority %s is in the list of step %s", (priority, step) => {
  expect(priorityStep(priority)).toBe(step);
});

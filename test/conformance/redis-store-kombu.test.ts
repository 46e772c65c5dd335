import { afterAll, beforeAll, expect } from "vitest";
import { openRenewer } from "../../src/adapters/redis/renewer.ts";
import type { PushItem, Settlement } from "../../src/broker/queued/message-store.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger } from "../../src/util/logger.ts";
import { bodyOf, LEASE_MS, pythonEnvelope, RedisBeds, textOf } from "../support/redis-bed.ts";
import { openRedisStore } from "../support/redis-stores.ts";
import { describe, it } from "../support/with-redis.ts";

let beds: RedisBeds;

beforeAll(async () => {
  beds = await RedisBeds.start();
});
afterAll(() => beds[Symbol.asyncDispose]());

describe("what Python finds", () => {
  it("a message is Kombu's envelope at the head of the list of its queue and priority step", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "first" }, { text: "urgent", priority: 2 }, { text: "calm", priority: 7 });
    expect((await bed.list()).map(bodyOf)).toEqual(["urgent", "first"]);
    expect((await bed.list("\x06\x166")).map(bodyOf)).toEqual(["calm"]);
    const [envelope = ""] = await bed.list("\x06\x166");
    expect(JSON.parse(envelope)).toEqual({
      body: Buffer.from("calm").toString("base64"),
      "content-encoding": "utf-8",
      "content-type": "application/json",
      headers: { id: "calm" },
      properties: {
        correlation_id: "calm",
        delivery_info: { exchange: "", routing_key: bed.queue },
        priority: 7,
        body_encoding: "base64",
        delivery_tag: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      },
    });
  });

  it("what is handed out is in unacked, to be restored to its own queue, and in unacked_index until when it is held", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "x" });
    const [envelope = ""] = await bed.list();
    const { receipt } = await bed.takeOne();
    const held = JSON.parse(String(await bed.redis(["HGET", bed.key("unacked"), receipt]))) as unknown;
    expect(held).toEqual([JSON.parse(envelope), "", bed.queue]);
    const until = Number(await bed.redis(["ZSCORE", bed.key("unacked_index"), receipt]));
    expect(Math.abs(until - (Date.now() + LEASE_MS) / 1_000)).toBeLessThan(5);
    await bed.settle({ receipt, outcome: "ack" });
    expect(await bed.redis(["EXISTS", bed.key("unacked"), bed.key("unacked_index")])).toBe(0);
  });

  it("a delayed message is in unacked, and in unacked_index when it is due: Kombu restores it one visibility timeout later", async () => {
    await using bed = await beds.open();
    await bed.store.push([{ ...bed.item({ text: "later" }), delayMs: 3_600_000 }]);
    const [place, score] = (await bed.redis(["ZRANGE", bed.key("unacked_index"), 0, -1, "WITHSCORES"])) as string[];
    expect(Number(score) - Date.now() / 1_000).toBeCloseTo(3_600, -1);
    const [envelope] = JSON.parse(String(await bed.redis(["HGET", bed.key("unacked"), place ?? ""]))) as [object];
    expect(bodyOf(JSON.stringify(envelope))).toBe("later");
    expect(await bed.list()).toEqual([]);
  });

  it("a renewed lease lasts longer in unacked_index too: no Python worker restores it, however short its visibility timeout", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "long" });
    const { receipt } = await bed.takeOne();
    await bed.redis(["ZADD", bed.key("unacked_index"), 1_000, receipt]);
    expect(await bed.store.renew([receipt, "celeriac-nobody-1:0:x"], LEASE_MS)).toEqual(["celeriac-nobody-1:0:x"]);
    const until = Number(await bed.redis(["ZSCORE", bed.key("unacked_index"), receipt]));
    expect(Math.abs(until - (Date.now() + LEASE_MS) / 1_000)).toBeLessThan(5);
    expect(await bed.redis(["ZCARD", bed.key("unacked_index")])).toBe(1);
  });

  it("a renewer renews on a connection of its own, and tells what is lost", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "long" });
    const { receipt } = await bed.takeOne();
    await bed.expireLease(receipt);
    const renewer = openRenewer(bed.store.renewer?.data);
    expect(await renewer.renew([receipt, "celeriac-nobody-1:0:x"], LEASE_MS)).toEqual(["celeriac-nobody-1:0:x"]);
    expect(await bed.take(1)).toEqual([]);
    await renewer.close();
  });

  it("bindings are members of Kombu's tables, and go with their queue", async () => {
    await using bed = await beds.open();
    const exchanges = [
      { name: "direct", type: "direct" },
      { name: "topic", type: "topic" },
    ] as const;
    const bindings = [
      { exchange: "direct", queue: bed.queue, routingKey: "key" },
      { exchange: "topic", queue: bed.queue, routingKey: "task.*.#" },
    ];
    await bed.store.declare({ exchanges, bindings });
    for (const table of ["_kombu.binding", "_kombu.binding_permanent"]) {
      expect(await bed.redis(["SMEMBERS", bed.key(`${table}.direct`)])).toEqual([`key\x06\x16\x06\x16${bed.queue}`]);
      expect(await bed.redis(["SMEMBERS", bed.key(`${table}.topic`)])).toEqual([
        `task.*.#\x06\x16^task\\.[^\\.]+\\..*?$\x06\x16${bed.queue}`,
      ]);
    }
    expect(await bed.store.remove(bed.queue, { ifEmpty: false, ifUnused: false })).toBe(true);
    expect(await bed.redis(["KEYS", `${bed.prefix}_kombu*`])).toEqual([]);
  });
});

describe("what Python leaves", () => {
  it("a message that Python sent is taken, its body base64 or plain", async () => {
    await using bed = await beds.open();
    await bed.redis(["LPUSH", bed.key(bed.queue), pythonEnvelope({ body: "W10=", bodyEncoding: "base64" })]);
    await bed.redis(["LPUSH", bed.key(bed.queue), pythonEnvelope({ body: "[]" })]);
    const taken = await bed.take(2);
    expect(taken.map(textOf)).toEqual(["[]", "[]"]);
    expect(taken.map(({ deliveries }) => deliveries)).toEqual([1, 1]);
  });

  it("what a Python worker holds is not touched before Python's own visibility timeout, an hour", async () => {
    await using bed = await beds.open();
    const held = JSON.stringify([JSON.parse(pythonEnvelope({ body: "[]" })), "", bed.queue]);
    const since = Math.floor(Date.now() / 1_000) - 3_590;
    await bed.redis(["HSET", bed.key("unacked"), "python-tag", held]);
    await bed.redis(["ZADD", bed.key("unacked_index"), since, "python-tag"]);
    await bed.push({ text: "ours" });
    const { receipt } = await bed.takeOne();
    await bed.expireLease(receipt);
    expect(textOf(await bed.takeOne())).toBe("ours");
    expect(await bed.take(10)).toEqual([]);
    expect(await bed.redis(["HGET", bed.key("unacked"), "python-tag"])).toBe(held);
    expect(await bed.redis(["ZSCORE", bed.key("unacked_index"), "python-tag"])).toBe(String(since));
  });

  it("what a Python worker has held for longer than the visibility timeout goes back to its queue", async () => {
    await using bed = await beds.open();
    const big = "123456789012345678901234567890";
    const envelope = pythonEnvelope({ body: "[]" }).replace('"headers":{}', `"headers": {"big": ${big}}`);
    const now = Date.now() / 1_000;
    for (const [tag, since, exchange] of [
      ["young", now - 3_590, "tasks-exchange"],
      ["old", now - 3_610, ""],
    ] as const) {
      await bed.redis(["HSET", bed.key("unacked"), tag, `[${envelope}, "${exchange}", "${bed.queue}"]`]);
      await bed.redis(["ZADD", bed.key("unacked_index"), since, tag]);
    }
    await bed.redis(["ZADD", bed.key("unacked_index"), 1, "acked by now"]);
    const [restored, ...others] = await bed.take(10);
    expect([restored && textOf(restored), restored?.deliveries, others]).toEqual(["[]", 2, []]);
    await bed.settle({ receipt: restored?.receipt ?? "", outcome: "hand-back" });
    expect((await bed.list())[0]).toContain(`"big":${big}`);
    expect(await bed.redis(["ZRANGE", bed.key("unacked_index"), 0, -1])).toEqual(["young"]);
  });

  it("two copies that Python's exchange gave one delivery tag are two messages", async () => {
    await using bed = await beds.open();
    const envelope = pythonEnvelope({ body: "[]" });
    await bed.redis(["LPUSH", bed.key(bed.queue), envelope, envelope]);
    const [one, other] = await bed.take(2);
    expect(await bed.settle({ receipt: one?.receipt ?? "", outcome: "ack" })).toEqual([]);
    expect(await bed.redis(["HEXISTS", bed.key("unacked"), other?.receipt ?? ""])).toBe(1);
    expect(await bed.settle({ receipt: other?.receipt ?? "", outcome: "ack" })).toEqual([]);
  });

  it("a queue that Python alone has declared, or filled, is there for us", async () => {
    await using bed = await beds.open();
    await bed.redis(["SADD", bed.key("_kombu.binding.theirs"), "theirs\x06\x16\x06\x16theirs"]);
    await bed.redis(["LPUSH", bed.key("filled\x06\x163"), pythonEnvelope({ body: "[]" })]);
    expect([...(await bed.store.existing(["theirs", "filled", "nobody's"]))]).toEqual(["theirs", "filled"]);
    await bed.store.push([{ ...bed.item({ text: "x" }), queues: ["theirs"] }]);
    expect(await bed.redis(["LLEN", bed.key("theirs")])).toBe(1);
  });

  it("what Python restored from a dead worker of ours counts as delivered, and the late ack is told", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "restored" });
    const { receipt } = await bed.takeOne();
    await bed.restoreAsKombu(receipt);
    expect(await bed.settle({ receipt, outcome: "ack" })).toEqual([receipt]);
    const again = await bed.takeOne();
    expect([textOf(again), again.deliveries, again.message.headers]).toEqual(["restored", 2, { id: "restored" }]);
  });

  it("what Python restored since nobody of us was there is counted once", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "held" });
    await bed.store.push([{ ...bed.item({ text: "delayed" }), delayMs: 1 }]);
    await bed.expireLease((await bed.takeOne()).receipt);
    const names = (await bed.redis(["HKEYS", bed.key("unacked")])) as readonly string[];
    for (const name of names) await bed.restoreAsKombu(name);
    await bed.redis(["ZADD", bed.key(`celeriac:delayed:${bed.queue}`), "XX", 1, names[1] ?? ""]);
    expect(await bed.store.count(bed.queue)).toMatchObject({ ready: 2, delayed: 0, unacked: 0 });
    expect(await bed.redis(["KEYS", bed.key(`celeriac:*:${bed.queue}`)])).toEqual([]);
  });

  it("what Python restores leaves nothing behind for long, also where nobody of us ever looks", async () => {
    await using bed = await beds.open();
    const delayed = bed.key(`celeriac:delayed:${bed.queue}`);
    for (let sends = 0; sends < 30; sends += 1) {
      await bed.store.push([{ ...bed.item({ text: "delayed" }), delayMs: 60_000 }]);
      for (const name of (await bed.redis(["HKEYS", bed.key("unacked")])) as readonly string[]) {
        await bed.restoreAsKombu(name);
        await bed.redis(["ZADD", delayed, "XX", 1, name]);
      }
    }
    expect(await bed.redis(["ZCARD", delayed])).toBe(1);
    expect((await bed.list()).length).toBe(30);
  });

  it("what is no envelope becomes a dead letter, and keeps nothing from those behind it", async () => {
    await using bed = await beds.open();
    await bed.redis(["LPUSH", bed.key(bed.queue), "{garbage"]);
    await bed.push({ text: "behind" });
    expect((await bed.take(10)).map(textOf)).toEqual(["behind"]);
    const [letter] = await bed.store.deadLetters({});
    expect([letter?.reason.code, letter?.queue, letter && textOf(letter)]).toEqual([
      "unreadable",
      bed.queue,
      "{garbage",
    ]);
  });

  it("what cannot be read, nor be buried, keeps back nothing else", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "good" });
    await bed.redis(["RPUSH", bed.key(bed.queue), "{garbage"]);
    await bed.redis(["SET", bed.key("celeriac:dead"), "no hash"]);
    expect((await bed.take(2)).map(textOf)).toEqual(["good"]);
  });

  it("what another program has put into the place of our own field loses no message", async () => {
    await using bed = await beds.open();
    const odd = [
      "{}",
      '{"deliveries":"many","history":[{}]}',
      '{"unique":{}}',
      '{"unique":{"key":{}}}',
      '{"unique":5,"x":{"y":{}}}',
      '[{"a":{"b":{}}}]',
    ];
    const envelopes = odd.map((own) => `${pythonEnvelope({ body: "[]" }).slice(0, -1)},"celeriac":${own}}`);
    await bed.redis(["LPUSH", bed.key(bed.queue), "}}}", ...envelopes]);
    const taken = await bed.take(10);
    expect(taken.map(textOf)).toEqual(odd.map(() => "[]"));
    expect(await bed.store.deadLetters({})).toHaveLength(1);
    for (const { receipt } of taken) expect(await bed.settle({ receipt, outcome: "requeue" })).toEqual([]);
    expect((await bed.take(10)).map(({ deliveries }) => deliveries)).toEqual(odd.map(() => 2));
  });

  it("what cannot be noted is not taken out of its list", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "x" });
    await bed.redis(["SET", bed.key("unacked"), "another program's"]);
    await expect(bed.take(1)).rejects.toThrow("WRONGTYPE");
    expect((await bed.list()).map(bodyOf)).toEqual(["x"]);
  });

  it("what cannot be put into its queue does not double what was sent with it", async () => {
    await using bed = await beds.open();
    const store = openRedisStore({ url: beds.server.url, keyPrefix: bed.prefix });
    await using broker = new QueuedBroker({ store, clock: systemClock, log: silentLogger });
    await broker.declare({ queues: [{ name: "taken" }] });
    await bed.redis(["SET", bed.key("taken"), "another program's"]);
    for (const delayMs of [0, 1]) {
      const sends = [bed.queue, "taken", bed.queue].map((queue) =>
        broker.publish([{ ...toQueue(queue, "x"), delayMs }]),
      );
      const outcomes = (await Promise.allSettled(sends)).map(({ status }) => status);
      expect(outcomes).toEqual(["fulfilled", "rejected", "fulfilled"]);
    }
    const { ready = 0, delayed = 0 } = (await bed.store.count(bed.queue)) ?? {};
    expect(ready + delayed).toBe(4);
  });

  it("a unique key is free once a Python worker has finished its message", async () => {
    await using bed = await beds.open();
    const send = (id: string): Promise<readonly (string | undefined)[]> =>
      bed.store.push([{ ...bed.item({ text: id }), unique: { key: "k", until: "end", onDuplicate: "keep-first" } }]);
    expect(await send("first")).toEqual([undefined]);
    const envelope = String(await bed.redis(["RPOP", bed.key(bed.queue)]));
    const { delivery_tag: tag } = (JSON.parse(envelope) as { properties: { delivery_tag: string } }).properties;
    await bed.redis(["HSET", bed.key("unacked"), tag, `[${envelope}, "", "${bed.queue}"]`]);
    expect(await send("while Python has it")).toEqual(["first"]);
    await bed.redis(["HDEL", bed.key("unacked"), tag]);
    expect(await send("second")).toEqual([undefined]);
  });

  it("a unique key is held while its message runs, also where a header has half of a character", async () => {
    await using bed = await beds.open();
    const unique = { key: "k", until: "end", onDuplicate: "keep-first" } as const;
    await bed.store.push([
      { ...bed.item({ text: "first", headers: { argsrepr: "\ud83d", delivery_tag: "x" } }), unique },
    ]);
    await bed.takeOne();
    expect(await bed.store.push([{ ...bed.item({ text: "second" }), unique }])).toEqual(["first"]);
  });

  it("a unique key is held still where a Python worker has put its message back, in its own spelling", async () => {
    await using bed = await beds.open();
    const send = (id: string): Promise<readonly (string | undefined)[]> =>
      bed.store.push([{ ...bed.item({ text: id }), unique: { key: "k", until: "end", onDuplicate: "keep-first" } }]);
    expect(await send("first")).toEqual([undefined]);
    const envelope = String(await bed.redis(["RPOP", bed.key(bed.queue)]));
    const restored = envelope.replace('"headers":{', '"headers": {"redelivered": true, ');
    await bed.redis(["RPUSH", bed.key(bed.queue), restored]);
    expect(await send("while it waits again")).toEqual(["first"]);
    await bed.restoreAsKombu((await bed.takeOne()).receipt);
    expect(await send("while it waits once more")).toEqual(["first"]);
    const { receipt } = await bed.takeOne();
    expect(await send("while it runs")).toEqual(["first"]);
    await bed.settle({ receipt, outcome: "ack" });
    expect(await send("second")).toEqual([undefined]);
  });
});

describe("what is given back", () => {
  it("fences grow over all messages and queues, also over what came back and after the counter was lost", async () => {
    await using bed = await beds.open();
    await bed.store.declare({ queues: [{ name: "other" }] });
    await bed.push({ text: "a" }, { text: "b" });
    await bed.store.push([{ ...bed.item({ text: "c" }), queues: ["other"] }]);
    const options = { max: 5, leaseMs: LEASE_MS, waitMs: 0 };
    const fences = (await bed.store.take(["other"], options)).map(({ fence }) => fence);
    const [first] = await bed.take(1);
    await bed.settle({ receipt: first?.receipt ?? "", outcome: "hand-back" });
    await bed.redis(["DEL", bed.key("celeriac:fence")]);
    const again = await bed.take(2);
    expect(again.map(textOf)).toEqual(["a", "b"]);
    fences.push(first?.fence ?? 0, ...again.map(({ fence }) => fence));
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(fences.every(Number.isSafeInteger)).toBe(true);
  });

  it("what a dead holder had is the next in its own list, with a delivery and a note more, marked as Kombu marks it", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "held", priority: 3 }, { text: "waiting", priority: 3 });
    const { receipt } = await bed.takeOne();
    const end = await bed.expireLease(receipt);
    const again = await bed.takeOne();
    expect([textOf(again), again.queue, again.deliveries]).toEqual(["held", bed.queue, 2]);
    expect(again.receipt).toContain(`:3:${bed.queue}`);
    expect(await bed.settle({ receipt, outcome: "ack" })).toEqual([receipt]);
    await bed.settle({ receipt: again.receipt, outcome: "hand-back" });
    const [, envelope = ""] = await bed.list("\x06\x163");
    expect(JSON.parse(envelope)).toMatchObject({
      headers: { redelivered: true },
      properties: { delivery_info: { redelivered: true } },
      celeriac: { deliveries: 1, history: [{ at: end, code: "lease-lost" }] },
    });
  });

  it("what a dead holder had goes back also where the living are too busy to take anything", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "held" });
    await bed.expireLease((await bed.takeOne()).receipt);
    await bed.store.attend("busy", [bed.queue], 15_000);
    expect((await bed.list()).map(bodyOf)).toEqual(["held"]);
  });

  it("a lease that was renewed after it ran out stays with its holder", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "held" });
    const { receipt } = await bed.takeOne();
    await bed.expireLease(receipt);
    expect(await bed.store.renew([receipt], LEASE_MS)).toEqual([]);
    expect(await bed.take(1)).toEqual([]);
    expect(await bed.settle({ receipt, outcome: "ack" })).toEqual([]);
  });

  it("after the server was away, the living have time to renew before anything is taken from anybody", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "held" });
    const { receipt } = await bed.takeOne();
    await bed.expireLease(receipt);
    await bed.redis(["SET", bed.key("celeriac:seen"), `${Date.now() - 30_000} 0`]);
    expect(await bed.take(1)).toEqual([]);
    expect(await bed.store.renew([receipt], LEASE_MS)).toEqual([]);
    await bed.expireLease(receipt);
    await bed.redis(["SET", bed.key("celeriac:seen"), `${Date.now()} ${Date.now() - 1}`]);
    expect((await bed.takeOne()).deliveries).toBe(2);
  });

  it("integers of any size in an envelope survive a requeue", async () => {
    await using bed = await beds.open();
    const big = "123456789012345678901234567890";
    const envelope = pythonEnvelope({ body: "[]" }).replace('"headers":{}', `"headers":{"big":${big},"empty":[]}`);
    await bed.redis(["LPUSH", bed.key(bed.queue), envelope]);
    await bed.settle({ receipt: (await bed.takeOne()).receipt, outcome: "requeue" });
    const [requeued] = await bed.list();
    expect(requeued).toContain(`"big":${big}`);
    expect(requeued).toContain('"empty":[]');
  });

  it("whatever connection is lost while taking, no message is", async () => {
    await using bed = await beds.open();
    const count = 200;
    await bed.push(...Array.from({ length: count }, (_, index) => ({ text: String(index) })));
    for (let round = 0; round < 20; round += 1) {
      const taker = openRedisStore({ url: beds.server.url, keyPrefix: bed.prefix });
      await taker.open();
      const taking = taker.take([bed.queue], { max: 7, leaseMs: LEASE_MS, waitMs: 0 });
      const lost = Promise.allSettled([taking]);
      if (round % 2 === 0) await Promise.resolve();
      else await new Promise((resolve) => setImmediate(resolve));
      await taker[Symbol.asyncDispose]();
      await lost;
    }
    const depth = await bed.store.count(bed.queue);
    expect((depth?.ready ?? 0) + (depth?.unacked ?? 0)).toBe(count);
    expect(await bed.redis(["HLEN", bed.key("unacked")])).toBe(depth?.unacked);
  });
});

it("messages that are due at one instant come by their priorities, and all of them", async () => {
  await using bed = await beds.open();
  const texts = Array.from({ length: 1_200 }, (_, index) => ({
    text: String(index),
    priority: index % 2 === 0 ? 3 : 0,
  }));
  await bed.store.push(texts.map((text) => ({ ...bed.item(text), delayMs: 1 })));
  const due = `${bed.prefix}celeriac:delayed:${bed.queue}`;
  for (const place of (await bed.redis(["ZRANGE", due, 0, -1])) as readonly string[]) {
    await bed.redis(["ZADD", due, "XX", 1, place]);
  }
  const first = await bed.take(1_000);
  const priorities = first.map(({ message }) => message.properties.priority ?? 0);
  expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
  const taken = [...first, ...(await bed.take(1_000))].map(textOf);
  expect(new Set(taken).size).toBe(1_200);
  expect((await bed.store.count(bed.queue))?.unacked).toBe(1_200);
});

describe("waiting", () => {
  it("a take that waits gets at once what Python sends, and has taken nothing before", async () => {
    await using bed = await beds.open();
    const taking = bed.store.take([bed.queue, "another"], { max: 1, leaseMs: LEASE_MS, waitMs: 60_000 });
    await bed.settled();
    await bed.redis(["LPUSH", bed.key(`${bed.queue}\x06\x169`), pythonEnvelope({ body: "[]" })]);
    expect((await taking).map(textOf)).toEqual(["[]"]);
  });

  it("a take that waits when its connections are lost goes on waiting on new ones", async () => {
    await using bed = await beds.open();
    const taking = bed.store.take([bed.queue], { max: 1, leaseMs: LEASE_MS, waitMs: 60_000 });
    await bed.settled();
    await beds.redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await bed.settled();
    await bed.push({ text: "after" });
    expect((await taking).map(textOf)).toEqual(["after"]);
  });

  it("an aborted wait rejects with its reason", async () => {
    await using bed = await beds.open();
    const abort = new AbortController();
    const taking = bed.store.take([bed.queue], { max: 1, leaseMs: LEASE_MS, waitMs: 60_000, signal: abort.signal });
    await bed.settled();
    abort.abort(new Error("no more"));
    await expect(taking).rejects.toThrow("no more");
  });
});

describe("what is left behind", () => {
  it("after a busy run there are as many keys as before", async () => {
    await using bed = await beds.open();
    await bed.push({ text: "warm-up" });
    await bed.settle({ receipt: (await bed.takeOne()).receipt, outcome: "ack" });
    const names = async (): Promise<readonly string[]> => {
      const found = (await bed.redis(["KEYS", `${bed.prefix}*`])) as string[];
      // Of a process' last push: another one with every push.
      return found.map((key) => key.replace(/(pushed:.*):\d+$/, "$1")).toSorted();
    };
    const before = await names();
    const unique = { key: "k", until: "end", onDuplicate: "replace" } as const;
    const items = Array.from({ length: 60 }, (_, index): PushItem => ({
      ...bed.item({ text: String(index), priority: index % 10 }),
      delayMs: index % 3 === 0 ? 1 : 0,
      ...(index % 7 === 0 ? { unique: { ...unique, key: `k${index % 2}` } } : {}),
    }));
    await bed.store.push(items);
    for (let round = 0; ; round += 1) {
      const taken = await bed.take(7);
      if (taken.length === 0) break;
      await bed.store.attend("consumer", [bed.queue], 15_000);
      for (const [index, { receipt }] of taken.entries()) await bed.settle(settlementOf(receipt, round + index));
    }
    await bed.store.attend("consumer", [], 0);
    await bed.store.drop({});
    const depth = await bed.store.count(bed.queue);
    expect([depth?.ready, depth?.delayed, depth?.unacked, depth?.consumers]).toEqual([0, 0, 0, 0]);
    const last = bed.key("celeriac:dead:last");
    expect((await names()).filter((key) => key !== last)).toEqual(before);
  });
});

/** Each in its turn, those that keep the message not too often. */
function settlementOf(receipt: string, turn: number): Settlement {
  if (turn % 11 === 0) return { receipt, outcome: "requeue", reason: { code: "failed", detail: "" } };
  if (turn % 13 === 0) return { receipt, outcome: "hand-back" };
  if (turn % 5 === 0) return { receipt, outcome: "dead-letter", reason: { code: "rejected", detail: "" } };
  if (turn % 17 === 0) return { receipt, outcome: "defer", until: new Date(0) };
  return { receipt, outcome: "ack" };
}

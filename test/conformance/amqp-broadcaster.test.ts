import { connect } from "amqplib";
import { expect } from "vitest";
import { AmqpBroadcaster } from "../../src/adapters/amqp/amqp-broadcaster.ts";
import { broadcasterSource } from "../../src/adapters/amqp/broadcaster-source.ts";
import type { AmqpLink } from "../../src/adapters/amqp/connections/amqp-link.ts";
import { parseAmqpUrls } from "../../src/adapters/amqp/connections/amqp-url.ts";
import type { Listener } from "../../src/broker/broadcaster.ts";
import { openBroadcasterFrom } from "../../src/broker/open-broadcaster-from.ts";
import { CONTROL_EXCHANGE, REPLY_EXCHANGE } from "../../src/control/exchanges.ts";
import { EVENT_EXCHANGE } from "../../src/events/event-message.ts";
import { message } from "../../src/testing/conformance/broker/stage.ts";
import { exerciseBroadcaster } from "../../src/testing/conformance/exercise-broadcaster.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { amqpLink } from "../support/amqp-links.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { vhostOfFile } from "../support/rabbitmq-of-file.ts";
import { RabbitVhost } from "../support/rabbitmq-vhost.ts";
import { RabbitServer } from "../support/rabbitmq.ts";
import { it as ownIt } from "../support/with-own-rabbitmq.ts";
import { it } from "../support/with-rabbitmq.ts";

exerciseBroadcaster("rabbitmq", {
  test: it.concurrent,
  open: async () => {
    const { url } = await vhostOfFile();
    const links: AmqpLink[] = [];
    const open = (): AmqpBroadcaster => {
      const link = amqpLink(url);
      links.push(link);
      return new AmqpBroadcaster({ link, clock });
    };
    return {
      broadcaster: open(),
      second: async () => open(),
      dispose: async () => {
        for (const link of links) await link[Symbol.asyncDispose]();
      },
    };
  },
});

it("declares what Celery declares, and leaves no queue of a listener that has ended", async () => {
  await using vhost = await RabbitVhost.open();
  await using link = amqpLink(vhost.url);
  const broadcaster = new AmqpBroadcaster({ link, clock });
  const listeners = [
    await broadcaster.listen(EVENT_EXCHANGE, { pattern: "worker.#" }),
    await broadcaster.listen(CONTROL_EXCHANGE),
    await broadcaster.listen(REPLY_EXCHANGE, { pattern: "oid" }),
  ];
  const common = { auto_delete: false, internal: false, arguments: {} };
  expect((await vhost.exchanges()).map(({ name, ...rest }) => [name, rest])).toEqual([
    ["celery.pidbox", expect.objectContaining({ ...common, type: "fanout", durable: false })],
    ["celeryev", expect.objectContaining({ ...common, type: "topic", durable: true })],
    ["reply.celery.pidbox", expect.objectContaining({ ...common, type: "direct", durable: false })],
  ]);
  const minutes = 300_000;
  const events = { "x-queue-type": "classic", "x-message-ttl": 5_000, "x-expires": 60_000 };
  const commands = { "x-queue-type": "classic", "x-message-ttl": minutes, "x-expires": minutes };
  const replies = { "x-queue-type": "classic", "x-message-ttl": minutes, "x-expires": 10_000 };
  const queues = await vhost.queues();
  const shapes = queues.map(({ name, exclusive, durable, auto_delete, arguments: given }) => ({
    name: String(name).replace(/[0-9a-f-]{36}/, "UUID"),
    ...{ exclusive, durable, auto_delete, given: { "x-queue-type": "classic", ...(given as object) } }, // RabbitMQ 4 tells it
  }));
  const own = { exclusive: true, durable: false, auto_delete: true };
  expect(shapes).toHaveLength(3);
  expect(shapes).toEqual(
    expect.arrayContaining([
      { name: "celeryev.UUID", ...own, given: events },
      { name: "UUID.celery.pidbox", exclusive: false, durable: true, auto_delete: false, given: commands },
      { name: "UUID.reply.celery.pidbox", ...own, given: replies },
    ]),
  );
  for (const listener of listeners) await listener[Symbol.asyncDispose]();
  await eventually(async () => expect(await vhost.queues()).toEqual([]));
});

it("hears again by itself after its connection was lost, and nobody listens in vain once it is closed", async () => {
  const { port, url } = await proxied();
  await using proxy = port;
  await using link = amqpLink(url);
  const broadcaster = new AmqpBroadcaster({ link, clock });
  const ears = [CONTROL_EXCHANGE, EVENT_EXCHANGE, REPLY_EXCHANGE];
  const listeners = await Promise.all(ears.map((exchange) => broadcaster.listen(exchange)));
  proxy.reset();
  await eventually(() => expect(link.state).toBe("lost"));
  await eventually(() => expect(link.state).toBe("open"));
  for (const exchange of ears) await broadcaster.broadcast(message("again"), exchange);
  for (const listener of listeners) expect(await heard(listener)).toBe("again");
  const next = listeners.map((listener) => listener[Symbol.asyncIterator]().next());
  await link[Symbol.asyncDispose]();
  for (const end of await Promise.all(next)) expect(end).toEqual({ done: true, value: undefined });
});

it("hears the commands that were broadcast while its connection was lost, each once, in order", async () => {
  const { port, url } = await proxied();
  await using proxy = port;
  await using link = amqpLink(url);
  await using direct = amqpLink((await vhostOfFile()).url);
  const broadcaster = new AmqpBroadcaster({ link: direct, clock });
  await using listener = await new AmqpBroadcaster({ link, clock }).listen(CONTROL_EXCHANGE);
  const send = (what: string): Promise<unknown> => broadcaster.broadcast(message(what), CONTROL_EXCHANGE);
  await send("heard");
  expect(await heard(listener)).toBe("heard");
  proxy.set("refuse");
  await eventually(() => expect(link.state).toBe("lost"));
  await send("missed 1");
  await send("missed 2");
  proxy.set("none");
  expect([await heard(listener), await heard(listener)]).toEqual(["missed 1", "missed 2"]);
  await send("last");
  expect(await heard(listener)).toBe("last");
});

it("is heard again after an operator deleted the exchange, and hears again after its queue was deleted", async () => {
  await using vhost = await RabbitVhost.open();
  await using link = amqpLink(vhost.url);
  const broadcaster = new AmqpBroadcaster({ link, clock });
  await broadcaster.broadcast(message("to nobody"), CONTROL_EXCHANGE);
  await deleteExchange(vhost.url, CONTROL_EXCHANGE.name);
  await broadcaster.broadcast(message("to nobody"), CONTROL_EXCHANGE);
  await using listener = await broadcaster.listen(CONTROL_EXCHANGE);
  const [before] = await vhost.queues();
  const channel = await link.connection?.openChannel();
  await channel?.call((raw) => raw.deleteQueue(String(before?.["name"])));
  let said: string | undefined;
  void heard(listener).then((text) => (said = text));
  await eventually(async () => {
    await broadcaster.broadcast(message("again"), CONTROL_EXCHANGE);
    expect(said).toBe("again");
  });
});

it("says whose declaration differs, when the exchange is there already and is another", async () => {
  await using vhost = await RabbitVhost.open();
  const connection = await connect(vhost.url);
  const channel = await connection.createChannel();
  await channel.assertExchange("celeryev", "fanout");
  await connection.close();
  await using link = amqpLink(vhost.url);
  const broadcaster = new AmqpBroadcaster({ link, clock });
  await expect(broadcaster.listen(EVENT_EXCHANGE)).rejects.toThrow(/inequivalent arg 'type' for exchange 'celeryev'/);
  await expect(broadcaster.broadcast(message("1"), EVENT_EXCHANGE)).rejects.toThrow(/received 'topic'.*is 'fanout'/s);
});

it("rejects while the server is away, and does not wait for it", async () => {
  const { port, url } = await proxied();
  await using proxy = port;
  await using link = amqpLink(url);
  const broadcaster = new AmqpBroadcaster({ link, clock });
  await broadcaster.broadcast(message("1"), CONTROL_EXCHANGE);
  proxy.set("refuse");
  await eventually(() => expect(link.state).toBe("lost"));
  const unavailable = { code: "CELERIAC_BROKER_UNAVAILABLE" };
  await expect(broadcaster.broadcast(message("2"), CONTROL_EXCHANGE)).rejects.toMatchObject(unavailable);
  await expect(broadcaster.listen(CONTROL_EXCHANGE)).rejects.toMatchObject(unavailable);
});

ownIt("hears again after the server was killed and started again", { timeout: 120_000 }, async () => {
  await using server = await RabbitServer.start();
  await using vhost = await server.vhost();
  await using link = amqpLink(vhost.url);
  const broadcaster = new AmqpBroadcaster({ link, clock });
  const listeners = await Promise.all(
    [CONTROL_EXCHANGE, EVENT_EXCHANGE].map((exchange) => broadcaster.listen(exchange)),
  );
  await server.kill();
  await eventually(() => expect(link.state).toBe("lost"));
  await server.start();
  await eventually(() => expect(link.state).toBe("open"), { timeoutMs: 20_000 });
  await broadcaster.broadcast(message("again"), CONTROL_EXCHANGE);
  await broadcaster.broadcast(message("again"), EVENT_EXCHANGE);
  for (const listener of listeners) expect(await heard(listener)).toBe("again");
});

it("can be opened in a thread, over a connection of its own", async () => {
  const { url } = await vhostOfFile();
  const source = broadcasterSource({ url, addresses: parseAmqpUrls(url), tls: undefined, heartbeat: 10 });
  await using there = await openBroadcasterFrom({ ...source, data: structuredClone(source.data) });
  await using link = amqpLink(url);
  await using listener = await new AmqpBroadcaster({ link, clock, source }).listen(EVENT_EXCHANGE);
  await there.broadcast(message("from there"), EVENT_EXCHANGE, "worker.heartbeat");
  expect(await heard(listener)).toBe("from there");
});

async function proxied(): Promise<{ readonly port: FaultyProxy; readonly url: string }> {
  const url = new URL((await vhostOfFile()).url);
  const port = await FaultyProxy.before(Number(url.port));
  url.port = String(port.port);
  return { port, url: url.href };
}

async function heard(listener: Listener): Promise<string | undefined> {
  const next = await listener[Symbol.asyncIterator]().next();
  return next.done === true ? undefined : Buffer.from(next.value.body).toString();
}

async function deleteExchange(url: string, name: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.deleteExchange(name);
  await connection.close();
}

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect } from "vitest";
import { StoreKeys } from "../../src/adapters/redis/store/keys.ts";
import { PushAttempts } from "../../src/adapters/redis/store/push-attempts.ts";
import { push } from "../../src/adapters/redis/store/push.ts";
import type { Command, RedisLink } from "../../src/adapters/redis/connections/redis-link.ts";
import type { Publication } from "../../src/broker/broker.ts";
import { BrokerUnavailableError, UnroutableError } from "../../src/broker/errors.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { RedisServer } from "../support/redis.ts";
import { openConnections, openRedisStore } from "../support/redis-stores.ts";
import { describe, it } from "../support/with-redis.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

const SENDS: Readonly<Record<string, (queue: string) => readonly Publication[]>> = {
  "one message": (queue) => [toQueue(queue, "x")],
  "a batch": (queue) => ["x", "y", "z"].map((body) => toQueue(queue, body)),
  "one that is delayed": (queue) => [{ ...toQueue(queue, "x"), delayMs: 60_000 }],
  "one with a unique key": (queue) => [withKey(queue, "mine")],
};

describe("a send whose answer is lost with its connection", () => {
  it.each(Object.entries(SENDS))("is there once when it is sent again: %s", async (_, publicationsTo) => {
    await using scene = await Scene.open();
    const publications = publicationsTo(scene.queue);
    await scene.loseAnswerOf(publications, publications.length);
    expect(await scene.broker.publish(publications)).toEqual(publications.map(() => undefined));
    expect(await scene.count()).toBe(publications.length);
  });

  it("tells again who holds its key", async () => {
    await using scene = await Scene.open();
    await scene.broker.publish([withKey(scene.queue, "other")]);
    const publications = [toQueue(scene.queue, "x"), withKey(scene.queue, "mine")];
    await scene.loseAnswerOf(publications, 2);
    // The holder is done meanwhile: what was answered then stands.
    await scene.broker.purge(scene.queue);
    expect(await scene.broker.publish(publications)).toEqual([undefined, "other"]);
    expect(await scene.count()).toBe(0);
  });

  it("is sent anew where the server never got it", async () => {
    await using scene = await Scene.open();
    scene.proxy.set("stall");
    const publications = [toQueue(scene.queue, "x")];
    const lost = expect(scene.broker.publish(publications)).rejects.toThrow(BrokerUnavailableError);
    scene.proxy.set("none");
    scene.proxy.reset();
    await lost;
    await scene.broker.publish(publications);
    expect(await scene.count()).toBe(1);
  });

  it("leaves nothing in the Redis for longer than a quarter of an hour", async () => {
    await using scene = await Scene.open();
    for (const body of ["x", "y", "z"]) await scene.broker.publish([toQueue(scene.queue, body)]);
    const kept = (await scene.direct.command(["KEYS", `${scene.prefix}celeriac:pushed:*`])) as readonly string[];
    expect(kept).toHaveLength(1);
    expect(await scene.direct.command(["PTTL", kept[0] ?? ""])).toSatisfy((ms: number) => ms > 0 && ms <= 900_000);
  });
});

describe("a send that the network holds back", () => {
  it("does nothing once it was sent again", async () => {
    await using scene = await Scene.open();
    const keys = new StoreKeys(scene.prefix);
    const attempts = new PushAttempts(scene.direct, keys);
    const held: (() => Promise<unknown>)[] = [];
    const holding = new Proxy(scene.direct, {
      get: (link, name) =>
        name === "transaction" && held.length === 0
          ? (commands: Iterable<Command>) => {
              held.push(() => link.transaction(commands));
              return Promise.reject(new BrokerUnavailableError("redis:", "its answer did not come"));
            }
          : (Reflect.get(link, name) as (...args: unknown[]) => unknown).bind(link),
    });
    const { message } = toQueue(scene.queue, "x");
    const items = [{ queues: [scene.queue], message, delayMs: 0 }];
    await expect(push({ link: holding, keys, attempts }, items, 0)).rejects.toThrow("did not come");
    await push({ link: holding, keys, attempts }, items, 0);
    for (const send of held) await send();
    expect(held).toHaveLength(1);
    expect(await scene.count()).toBe(1);
  });
});

it("a batch for a queue that nobody has declared leaves nothing in any of its lists", async () => {
  await using scene = await Scene.open();
  const publications = [toQueue("nowhere", "x"), withPriority(toQueue("nowhere", "y"), 9), toQueue(scene.queue, "z")];
  await expect(scene.broker.publish(publications)).rejects.toThrow(UnroutableError);
  expect(await scene.direct.command(["KEYS", `${scene.prefix}nowhere*`])).toEqual([]);
  expect(await scene.count()).toBe(0);
});

function withPriority(publication: Publication, priority: number): Publication {
  const { message } = publication;
  return { ...publication, message: { ...message, properties: { ...message.properties, priority } } };
}

function withKey(queue: string, owner: string): Publication {
  const publication = toQueue(queue, owner);
  const { message } = publication;
  const owned = { ...message, properties: { ...message.properties, correlationId: owner } };
  return { ...publication, message: owned, unique: { key: "key", until: "end", onDuplicate: "keep-first" } };
}

/** A broker behind a proxy, and a way around it. */
class Scene implements AsyncDisposable {
  readonly queue = "orders";
  readonly prefix = `${randomUUID()}:`;
  readonly broker: QueuedBroker;
  readonly proxy: FaultyProxy;
  readonly #connections = openConnections(server.url);

  static async open(): Promise<Scene> {
    const scene = new Scene(await FaultyProxy.before(server.port));
    await scene.broker.declare({ queues: [{ name: scene.queue }] });
    return scene;
  }

  private constructor(proxy: FaultyProxy) {
    this.proxy = proxy;
    const store = openRedisStore({ url: `redis://127.0.0.1:${proxy.port}`, keyPrefix: this.prefix });
    this.broker = new QueuedBroker({ store, clock, log });
  }

  get direct(): RedisLink {
    return this.#connections.commands;
  }

  /** Messages, wherever they wait. */
  async count(): Promise<number> {
    const { ready = 0, delayed = 0 } = (await this.broker.inspect(this.queue)) ?? {};
    return ready + delayed;
  }

  /** Publishes until `messages` are there, and has the connection die before it can say so. */
  async loseAnswerOf(publications: readonly Publication[], messages: number): Promise<void> {
    this.proxy.set("mute");
    const lost = expect(this.broker.publish(publications)).rejects.toThrow(BrokerUnavailableError);
    const places = [
      ["LLEN", `${this.prefix}${this.queue}`],
      ["ZCARD", `${this.prefix}celeriac:delayed:${this.queue}`],
    ] as const;
    await eventually(async () => {
      const counts = (await this.direct.pipeline(places)) as readonly number[];
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(messages);
    });
    this.proxy.set("none");
    this.proxy.reset();
    await lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
    await this.#connections[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

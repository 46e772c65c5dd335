import { expect } from "vitest";
import { Companions } from "../../src/adapters/redis/connections/companions.ts";
import type { SupervisedConnections } from "../../src/adapters/redis/connections/supervised-connections.ts";
import { redis } from "../../src/adapters/redis/index.ts";
import { ResultBackendUnavailableError } from "../../src/backend/errors.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import type { TaskMeta } from "../../src/backend/task-meta.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { endOfTurn } from "../../src/util/end-of-turn.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { type FaultyProxy } from "../support/faulty-proxy.ts";
import { QuickClock } from "../support/quick-clock.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { FaultyPlace, FAULTS } from "../support/redis-faults/faults.ts";
import { describe, it } from "../support/with-redis.ts";

/** The deadlines of 5 s become 1 s. */
const clock = new QuickClock(5);
/** Within which everything has to go on after the heal, in milliseconds of that clock's. */
const HEALED = { timeoutMs: 10_000 / 5 };

describe.concurrent.each(FAULTS.filter(({ answersMeanwhile }) => answersMeanwhile !== true))(
  "$name",
  ({ happen, heal }) => {
    it("makes commands reject in time, and work again once it is healed", async () => {
      await using bed = await Bed.open();
      const { commands } = bed.connections;
      await commands.command(["PING"]);
      await happen(bed.place);
      const startedAt = clock.uptime();
      for (let time = 0; time < 2; time += 1) {
        await expect(commands.command(["PING"])).rejects.toThrow(BrokerUnavailableError);
      }
      expect(clock.uptime() - startedAt).toBeLessThan(2 * 6_000);
      await heal(bed.place);
      await eventually(() => commands.command(["PING"]), HEALED);
    });

    it("makes the subscriber listen again by itself, and say so", async () => {
      await using bed = await Bed.open();
      const heard: string[] = [];
      let resumed = 0;
      await using subscription = await bed.connections.subscriber.subscribe(["a"], {
        onMessage: (message) => heard.push(message),
        onResumed: () => (resumed += 1),
      });
      await subscription.add(["b"]);
      await happen(bed.place);
      const { subscriber } = bed.connections;
      await eventually(() => expect(subscriber.clientId()).rejects.toThrow(BrokerUnavailableError), HEALED);
      await heal(bed.place);
      await eventually(() => expect(resumed).toBe(1), HEALED);
      for (const channel of ["a", "b"]) {
        await eventually(() => bed.connections.commands.command(["PUBLISH", channel, channel]), HEALED);
      }
      await eventually(() => expect(heard).toEqual(["a", "b"]));
    });

    it("does not hold up disposing", async () => {
      const bed = await Bed.open();
      await happen(bed.place);
      const asked = expect(bed.connections.commands.command(["PING"])).rejects.toThrow(BrokerUnavailableError);
      const startedAt = clock.uptime();
      await bed.connections[Symbol.asyncDispose]();
      expect(clock.uptime() - startedAt).toBeLessThan(2_000);
      await asked;
      await bed[Symbol.asyncDispose]();
    });
  },
);

it("a connection that was found silent speaks for its companions, which are built anew before they are used", async () => {
  await using bed = await Bed.open();
  const companions = new Companions();
  const [one, other] = [connectionsTo(bed.place.proxy, companions), connectionsTo(bed.place.proxy, companions)];
  await using _ = one;
  await using __ = other;
  const idle = other.createLink();
  await Promise.all([one.open(), idle.command(["PING"])]);
  bed.place.proxy.set("stall");
  await expect(one.commands.command(["PING"])).rejects.toThrow("it was silent");
  bed.place.proxy.set("none");
  const startedAt = clock.uptime();
  await idle.command(["PING"]);
  expect(clock.uptime() - startedAt).toBeLessThan(4_000);
});

it("an event loop that was blocked does not take its own silence for the server's", async () => {
  await using bed = await Bed.open();
  await bed.connections.open();
  const answer = bed.connections.commands.command(["PING"]);
  const till = clock.uptime() + 8_000;
  while (clock.uptime() < till);
  expect(await answer).toBe("PONG");
});

it.each([1, 2, 3])("nor for a connection that cannot be opened: blocked after %d turns", async (turns) => {
  await using bed = await Bed.open();
  const opening = bed.connections.open();
  for (let turn = 0; turn < turns; turn += 1) await endOfTurn();
  const till = clock.uptime() + 8_000;
  while (clock.uptime() < till);
  await opening;
});

it("results that were stored while a watcher could not hear are told to it once it can", async () => {
  await using bed = await Bed.open();
  const watching = backendAt(bed.place.proxy.port, new QuickClock(5));
  const storing = backendAt(bed.place.server.port, systemClock);
  try {
    const heard: TaskMeta[] = [];
    const watch = watching.watch((meta) => heard.push(meta));
    await watch.add(["a", "b"]);
    bed.place.proxy.set("refuse");
    await storing.store([resultOf("a")]);
    bed.place.proxy.set("none");
    await eventually(() => expect(heard.map(({ taskId }) => taskId)).toEqual(["a"]), HEALED);
    await storing.store([resultOf("b")]);
    await eventually(() => expect(heard.map(({ taskId }) => taskId)).toEqual(["a", "b"]));
  } finally {
    await watching[Symbol.asyncDispose]();
    await storing[Symbol.asyncDispose]();
  }
});

it("a backend is opened, stores and fetches with the server away, and rejects with its own error", async () => {
  await using bed = await Bed.open();
  const backend = backendAt(bed.place.server.port, clock);
  await bed.place.server.kill();
  await expect(backend.open()).rejects.toThrow(ResultBackendUnavailableError);
  await expect(backend.store([resultOf("a")])).rejects.toThrow(ResultBackendUnavailableError);
  await expect(backend.fetch(["a"])).rejects.toThrow(ResultBackendUnavailableError);
  await expect(backend.watch(() => undefined).add(["a"])).rejects.toThrow(ResultBackendUnavailableError);
  await bed.place.server.start();
  expect(await backend.store([resultOf("a")])).toEqual([]);
  expect((await backend.fetch(["a"])).get("a")?.state).toBe("SUCCESS");
  await backend[Symbol.asyncDispose]();
});

function connectionsTo({ port }: FaultyProxy, companions: Companions): SupervisedConnections {
  return redisConnections(`redis://127.0.0.1:${port}`, { clock, companions });
}

function backendAt(port: number, clock: Clock): ResultBackend {
  const create = redis({ url: `redis://127.0.0.1:${port}` }).createResultBackend;
  if (create === undefined) throw new Error("absent");
  return create({ clock, log, resultExpiresMs: 60_000 });
}

function resultOf(taskId: string): TaskMeta {
  const nothing = { result: null, traceback: null, doneAt: null, children: [], parentId: null, groupId: null };
  return { taskId, state: "SUCCESS", ...nothing };
}

/** Connections through a proxy to a server of their own. */
class Bed implements AsyncDisposable {
  readonly place: FaultyPlace;
  readonly connections: SupervisedConnections;

  static async open(): Promise<Bed> {
    return new Bed(await FaultyPlace.open());
  }

  private constructor(place: FaultyPlace) {
    this.place = place;
    this.connections = redisConnections(place.url, { clock });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connections[Symbol.asyncDispose]();
    await this.place[Symbol.asyncDispose]();
  }
}

import { describe, expect, it } from "vitest";
import { memory } from "../../src/adapters/memory/index.ts";
import { redis } from "../../src/adapters/redis/index.ts";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { sqlite } from "../../src/adapters/sqlite/index.ts";
import type { Adapter } from "../../src/adapters/adapter.ts";
import { CLAIM_MS, OVER_MS, type ChordJoin, type ChordMember } from "../../src/backend/chords.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { HAS_REDIS, RedisServer } from "../support/redis.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const DAY_MS = 86_400_000;

interface Place extends AsyncDisposable {
  readonly backend: ResultBackend;
  /** Lets what was kept grow older. */
  pass(ms: number): Promise<void>;
}

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  memory: async () => {
    const clock = new FakeClock();
    const backend = open(memory(), clock);
    return { backend, pass: (ms) => clock.advance(ms), [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose]() };
  },
  sqlite: async () => {
    const clock = new FakeClock();
    const file = await sqliteFile();
    const backend = open(sqlite({ path: file.path }), clock);
    const close = async (): Promise<void> => {
      await backend[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    };
    return { backend, pass: (ms) => clock.advance(ms), [Symbol.asyncDispose]: close };
  },
  ...(HAS_REDIS ? { redis: openRedis } : {}),
};

describe.each(Object.keys(PLACES))("a chord on %s", (name) => {
  const openPlace = (): Promise<Place> => (PLACES[name] as () => Promise<Place>)();

  it("is another member's when who was to send the body has not in time", async () => {
    await using place = await openPlace();
    const { chords } = place.backend;
    await chords.setSize("c", 2);
    await join(place, "a", 0);
    await join(place, "b", 1);
    await place.pass(CLAIM_MS - 5_000);
    expect(await join(place, "a", 0)).toBe("claimed");
    await place.pass(5_001);
    expect(await join(place, "a", 0)).toEqual(["a", "b"]);
    expect(await join(place, "b", 1)).toBe("claimed");
    await chords.end(member("b", 1));
    expect(await join(place, "a", 0)).toEqual(["a", "b"]);
  });

  it("is ended by who was late to send the body where nobody else has taken it over", async () => {
    await using place = await openPlace();
    await place.backend.chords.setSize("c", 1);
    await join(place, "a", 0);
    await place.pass(CLAIM_MS + 1);
    await place.backend.chords.end(member("a", 0));
    expect(await join(place, "a", 0)).toBe("over");
  });

  it("waits for a day after the last that came, and then begins anew", async () => {
    await using place = await openPlace();
    await place.backend.chords.setSize("c", 3);
    await join(place, "a", 0);
    await place.pass(DAY_MS - 10_000);
    await join(place, "b", 1);
    await place.pass(DAY_MS - 10_000);
    expect(await join(place, "c", 2)).toEqual(["a", "b", "c"]);
    await place.pass(DAY_MS + 1);
    await place.backend.chords.setSize("c", 2);
    expect(await join(place, "a", 0)).toBe("waiting");
    expect(await join(place, "d", 1)).toEqual(["a", "d"]);
  });

  it("waits no less when it begins anew after it was over", async () => {
    await using place = await openPlace();
    const { chords } = place.backend;
    await chords.setSize("c", 1);
    await join(place, "a", 0);
    await chords.end(member("a", 0));
    await chords.setSize("c", 2);
    await place.pass(OVER_MS + 1);
    expect(await join(place, "a", 0)).toBe("waiting");
    expect(await join(place, "b", 1)).toEqual(["a", "b"]);
  });

  it("is forgotten some time after it was over", async () => {
    await using place = await openPlace();
    await place.backend.chords.setSize("c", 1);
    await join(place, "a", 0);
    await place.backend.chords.end(member("a", 0));
    await place.pass(OVER_MS - 10_000);
    expect(await join(place, "a", 0)).toBe("over");
    await place.pass(10_001);
    expect(await join(place, "a", 0)).toBe("waiting");
  });
});

it("expired chords and groups leave no rows behind", async () => {
  await using file = await sqliteFile();
  const clock = new FakeClock();
  await using backend = open(sqlite({ path: file.path }), clock);
  await backend.groups.save({ id: "g", parent: null, members: [] });
  await backend.chords.setSize("c", 5_000);
  const joins = Array.from({ length: 2_500 }, (_, index) =>
    backend.chords.join(member(`m${index}`, index), { state: "SUCCESS", result: null }),
  );
  await Promise.all(joins);
  const connection = loadDriver().open(file.path);
  const rows = (): unknown =>
    ["result_groups", "chords", "chord_parts"].map(
      (table) => (connection.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { readonly n: number }).n,
    );
  expect(rows()).toEqual([1, 1, 2_500]);
  await clock.advance(DAY_MS);
  await eventually(async () => {
    await clock.advance(60_000);
    expect(rows()).toEqual([0, 0, 0]);
  });
  connection.close();
});

describe.skipIf(!HAS_REDIS)("a chord on redis", () => {
  it("has an expiry on every key, whatever becomes of it", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    await using backend = open(redis({ url: server.url }), systemClock);
    const { chords, groups } = backend;
    await groups.save({ id: "ended", parent: null, members: [] });
    for (const chordId of ["waiting", "complete", "ended"]) {
      await chords.setSize(chordId, 2);
      await chords.join({ chordId, taskId: "a", index: 0 }, { state: "SUCCESS", result: 1 });
      if (chordId !== "waiting")
        await chords.join({ chordId, taskId: "b", index: 1 }, { state: "FAILURE", result: null });
    }
    await chords.join({ chordId: "unknown", taskId: "a", index: null }, { state: "SUCCESS", result: 1 });
    await chords.end({ chordId: "ended", taskId: "b", index: 1 });
    const keys = (await connections.commands.command(["KEYS", "*"])) as readonly string[];
    expect([...keys].sort()).toEqual(
      [
        ...["complete.c", "complete.d", "complete.j", "complete.s", "ended", "ended.c", "unknown.d", "unknown.j"],
        ...["waiting.d", "waiting.j", "waiting.s"],
      ].map((name) => `celery-taskset-meta-${name}`),
    );
    const lives = await connections.commands.pipeline(keys.map((key) => ["PTTL", key] as const));
    expect(lives.filter((life) => Number(life) <= 0)).toEqual([]);
  });

  it.each([0, null])("counts a member once that an older Celery has counted, at the place %j", async (index) => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    await using backend = open(redis({ url: server.url }), systemClock);
    const part = '[1, "a", "SUCCESS", "Python\'s"]';
    await connections.commands.command(["ZADD", "celery-taskset-meta-c.j", index ?? "+inf", part]);
    await backend.chords.setSize("c", 2);
    const place = { backend };
    expect(await join(place, "a", index)).toBe("waiting");
    expect(await join(place, "aa", index)).toEqual(["a", "aa"]);
  });

  it("counts all members anew that are sent again after an older Celery has ended it", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    await using backend = open(redis({ url: server.url }), systemClock);
    const place = { backend };
    await backend.chords.setSize("c", 3);
    await join(place, "a", 0);
    await join(place, "b", 1);
    const ofTheOlder = ["j", "t", "s"].map((name) => `celery-taskset-meta-c.${name}`);
    await connections.commands.command(["DEL", ...ofTheOlder]);
    await backend.chords.setSize("c", 3);
    await connections.commands.command(["ZADD", "celery-taskset-meta-c.j", 2, '[1, "c", "SUCCESS", null]']);
    expect(await join(place, "a", 0)).toBe("waiting");
    expect(await join(place, "b", 1)).toEqual(["a", "b", "c"]);
  });

  it("waits for members that were added to its header", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    await using backend = open(redis({ url: server.url }), systemClock);
    await backend.chords.setSize("c", 1);
    await connections.commands.command(["INCR", "celery-taskset-meta-c.t"]);
    expect(await join({ backend }, "a", 0)).toBe("waiting");
    expect(await join({ backend }, "b", null)).toEqual(["a", "b"]);
  });
});

function member(taskId: string, index: number | null): ChordMember {
  return { chordId: "c", taskId, index };
}

/** The tasks whose parts the member gets, or how the chord stands. */
async function join(
  { backend }: Pick<Place, "backend">,
  taskId: string,
  index: number | null,
): Promise<readonly string[] | ChordJoin["kind"]> {
  const joined = await backend.chords.join(member(taskId, index), { state: "SUCCESS", result: null });
  return joined.kind === "complete" ? joined.parts.map((part) => part.taskId) : joined.kind;
}

function open(adapter: Adapter, clock: Clock): ResultBackend {
  const backend = adapter.createResultBackend?.({ clock, log, resultExpiresMs: 60_000 });
  if (backend === undefined) throw new Error("absent");
  return backend;
}

/** Redis' own time cannot be moved: what is left of the keys' lives is shortened. */
async function openRedis(): Promise<Place> {
  const server = await RedisServer.start();
  const backend = open(redis({ url: server.url }), systemClock);
  const connections = redisConnections(server.url);
  return {
    backend,
    pass: async (ms) => {
      for (const key of (await connections.commands.command(["KEYS", "*"])) as readonly string[]) {
        const life = Number(await connections.commands.command(["PTTL", key]));
        await connections.commands.command(["PEXPIRE", key, life - ms]);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

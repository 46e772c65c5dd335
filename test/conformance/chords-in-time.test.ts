import { describe, expect, it } from "vitest";
import { memory } from "../../src/adapters/memory/index.ts";
import { redis } from "../../src/adapters/redis/index.ts";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { sqlite } from "../../src/adapters/sqlite/index.ts";
import type { Adapter } from "../../src/adapters/adapter.ts";
import { CLAIM_MS, OVER_MS, type ChordDeadline, type ChordJoin, type ChordMember } from "../../src/backend/chords.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import type { Command } from "../../src/adapters/redis/connections/redis-link.ts";
import { eventually } from "../support/eventually.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { HAS_REDIS, RedisServer } from "../support/redis.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DEADLINE: ChordDeadline = {
  ms: 3 * DAY_MS,
  body: { task: "body", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false },
  rootId: null,
};

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
    await chords.begin([{ chordId: "c", size: 2, deadline: null }]);
    await join(place, "a", 0);
    await join(place, "b", 1);
    await place.pass(CLAIM_MS - 5_000);
    expect(await join(place, "a", 0)).toBe("claimed");
    await place.pass(5_001);
    expect(await join(place, "a", 0)).toEqual(["a", "b"]);
    expect(await join(place, "b", 1)).toBe("claimed");
    await chords.end(member("b", 1), "sent");
    expect(await join(place, "a", 0)).toEqual(["a", "b"]);
  });

  it("is ended by who was late to send the body where nobody else has taken it over", async () => {
    await using place = await openPlace();
    await place.backend.chords.begin([{ chordId: "c", size: 1, deadline: null }]);
    await join(place, "a", 0);
    await place.pass(CLAIM_MS + 1);
    await place.backend.chords.end(member("a", 0), "sent");
    expect(await join(place, "a", 0)).toBe("over");
  });

  it("waits for a day after the last that came, and then begins anew", async () => {
    await using place = await openPlace();
    await place.backend.chords.begin([{ chordId: "c", size: 3, deadline: null }]);
    await join(place, "a", 0);
    await place.pass(DAY_MS - 10_000);
    await join(place, "b", 1);
    await place.pass(DAY_MS - 10_000);
    expect(await join(place, "c", 2)).toEqual(["a", "b", "c"]);
    await place.pass(DAY_MS + 1);
    await place.backend.chords.begin([{ chordId: "c", size: 2, deadline: null }]);
    expect(await join(place, "a", 0)).toBe("waiting");
    expect(await join(place, "d", 1)).toEqual(["a", "d"]);
  });

  it("waits no less when it begins anew after it was over", async () => {
    await using place = await openPlace();
    const { chords } = place.backend;
    await chords.begin([{ chordId: "c", size: 1, deadline: null }]);
    await join(place, "a", 0);
    await chords.end(member("a", 0), "sent");
    await chords.begin([{ chordId: "c", size: 2, deadline: null }]);
    await place.pass(OVER_MS + 1);
    expect(await join(place, "a", 0)).toBe("waiting");
    expect(await join(place, "b", 1)).toEqual(["a", "b"]);
  });

  it("is overdue when nobody has come for as long as its deadline says, and not before", async () => {
    await using place = await openPlace();
    await place.backend.chords.begin([{ chordId: "c", size: 3, deadline: DEADLINE }]);
    for (const [index, taskId] of ["a", "b"].entries()) {
      await place.pass(DEADLINE.ms - HOUR_MS);
      expect(await overdue(place)).toEqual([]);
      await join(place, taskId, index);
    }
    await place.pass(DEADLINE.ms - HOUR_MS);
    expect(await overdue(place)).toEqual([]);
    await place.pass(HOUR_MS);
    expect(await overdue(place)).toEqual([["a", "b"]]);
  });

  it("is there to fail for a day after its deadline, should no worker have looked", async () => {
    await using place = await openPlace();
    await place.backend.chords.begin([{ chordId: "c", size: 1, deadline: DEADLINE }]);
    await place.pass(DEADLINE.ms + DAY_MS - HOUR_MS);
    expect(await overdue(place)).toEqual([[]]);
  });

  it("is another's to fail when who was to has not in time", async () => {
    await using place = await openPlace();
    await place.backend.chords.begin([{ chordId: "c", size: 1, deadline: DEADLINE }]);
    await place.pass(DEADLINE.ms);
    const [first] = await place.backend.chords.takeOverdue({ limit: 1 });
    await place.pass(CLAIM_MS - 5_000);
    expect(await overdue(place)).toEqual([]);
    await place.pass(5_001);
    expect(await overdue(place)).toEqual([[]]);
    await place.backend.chords.end(first?.claim ?? member("none", null), "sent");
    expect(await join(place, "a", 0), "the first has lost it").toBe("claimed");
  });

  it("is overdue when nobody sends the body that all have come for", async () => {
    await using place = await openPlace();
    await place.backend.chords.begin([{ chordId: "c", size: 1, deadline: DEADLINE }]);
    await join(place, "a", 0);
    await place.pass(DEADLINE.ms);
    expect(await overdue(place)).toEqual([["a"]]);
  });

  it("remembers for as long whom it grew by", async () => {
    await using place = await openPlace();
    const { chords } = place.backend;
    await chords.begin([{ chordId: "c", size: 1, deadline: DEADLINE }]);
    await chords.grow("c", ["x"]);
    await place.pass(2 * DAY_MS);
    await overdue(place);
    await join(place, "a", 0);
    await place.pass(2 * DAY_MS);
    await chords.grow("c", ["x"]);
    expect(await join(place, "x", null)).toEqual(["a", "x"]);
  });

  it("is forgotten some time after it was over", async () => {
    await using place = await openPlace();
    await place.backend.chords.begin([{ chordId: "c", size: 1, deadline: null }]);
    await join(place, "a", 0);
    await place.backend.chords.end(member("a", 0), "sent");
    await place.pass(OVER_MS - 10_000);
    expect(await join(place, "a", 0)).toBe("over");
    await place.pass(10_001);
    expect(await join(place, "a", 0)).toBe("unwatched");
  });
});

it("expired chords and groups leave no rows behind", async () => {
  await using file = await sqliteFile();
  const clock = new FakeClock();
  await using backend = open(sqlite({ path: file.path }), clock);
  await backend.groups.save({ id: "g", parent: null, members: [] });
  await backend.chords.begin([{ chordId: "c", size: 5_000, deadline: { ...DEADLINE, ms: 60_000 } }]);
  await backend.chords.grow("c", ["x", "y"]);
  const joins = Array.from({ length: 2_500 }, (_, index) =>
    backend.chords.join(member(`m${index}`, index), { state: "SUCCESS", result: null }),
  );
  await Promise.all(joins);
  const connection = loadDriver().open(file.path);
  const rows = (): unknown =>
    ["result_groups", "chords", "chord_parts", "chord_bodies", "chord_additions"].map(
      (table) => (connection.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { readonly n: number }).n,
    );
  expect(rows()).toEqual([1, 1, 2_500, 1, 2]);
  await clock.advance(DAY_MS);
  await eventually(async () => {
    await clock.advance(60_000);
    expect(rows()).toEqual([0, 0, 0, 0, 0]);
  });
  connection.close();
});

it("a chord in a file of an older version goes on, and may get a deadline", async () => {
  await using file = await sqliteFile();
  const clock = new FakeClock();
  {
    await using before = open(sqlite({ path: file.path }), clock);
    await before.chords.begin([{ chordId: "c", size: 3, deadline: null }]);
    await join({ backend: before }, "a", 0);
  }
  const connection = loadDriver().open(file.path);
  const columns = ["added", "life_ms", "deadline_ms", "look_at"];
  connection.exec(`
    DROP INDEX chords_watched; DROP TABLE chord_bodies; DROP TABLE chord_additions; DROP TABLE canvases; DROP TABLE canvas_parts;
    ${columns.map((name) => `ALTER TABLE chords DROP COLUMN ${name};`).join("")} PRAGMA user_version = 4`);
  connection.close();
  await using backend = open(sqlite({ path: file.path }), clock);
  expect(await join({ backend }, "b", 1)).toBe("unwatched");
  await backend.chords.watch("c", DEADLINE);
  await backend.chords.grow("c", ["x"]);
  expect(await join({ backend }, "c", 2)).toBe("waiting");
  await clock.advance(DEADLINE.ms);
  expect(await overdue({ backend })).toEqual([["a", "b", "c"]]);
});

describe.skipIf(!HAS_REDIS)("a chord on redis", () => {
  it("has an expiry on every key, whatever becomes of it", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    await using backend = open(redis({ url: server.url }), systemClock);
    const { chords, groups } = backend;
    await groups.save({ id: "ended", parent: null, members: [] });
    for (const chordId of ["waiting", "complete", "ended"]) {
      await chords.begin([{ chordId, size: 2, deadline: chordId === "complete" ? null : DEADLINE }]);
      await chords.join({ chordId, taskId: "a", index: 0 }, { state: "SUCCESS", result: 1 });
      if (chordId !== "waiting")
        await chords.join({ chordId, taskId: "b", index: 1 }, { state: "FAILURE", result: null });
    }
    await chords.join({ chordId: "unknown", taskId: "a", index: null }, { state: "SUCCESS", result: 1 });
    await chords.end({ chordId: "ended", taskId: "b", index: 1 }, "sent");
    await chords.grow("grown", ["x"]);
    await chords.join({ chordId: "watched", taskId: "a", index: null }, { state: "SUCCESS", result: 1 });
    await chords.watch("watched", DEADLINE);
    const keys = (await connections.commands.command(["KEYS", "*"])) as readonly string[];
    const own = ["s", ":waiting", "-body:waiting", ":complete", ":watched", "-body:watched", "-additions:grown"];
    expect(keys.filter((key) => key.startsWith("celeriac:chord")).sort()).toEqual(
      own.map((name) => `celeriac:chord${name}`).sort(),
    );
    expect(keys.filter((key) => !key.startsWith("celeriac:chord")).sort()).toEqual(
      [
        ...["complete.c", "complete.d", "complete.j", "complete.s", "ended", "ended.c", "grown.t"],
        ...["unknown.d", "unknown.j", "waiting.d", "waiting.j", "waiting.s", "watched.d", "watched.j"],
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
    await backend.chords.begin([{ chordId: "c", size: 2, deadline: null }]);
    const place = { backend };
    expect(await join(place, "a", index)).toBe("waiting");
    expect(await join(place, "aa", index)).toEqual(["a", "aa"]);
  });

  it("counts all members anew that are sent again after an older Celery has ended it", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    await using backend = open(redis({ url: server.url }), systemClock);
    const place = { backend };
    await backend.chords.begin([{ chordId: "c", size: 3, deadline: null }]);
    await join(place, "a", 0);
    await join(place, "b", 1);
    const ofTheOlder = ["j", "t", "s"].map((name) => `celery-taskset-meta-c.${name}`);
    await connections.commands.command(["DEL", ...ofTheOlder]);
    await backend.chords.begin([{ chordId: "c", size: 3, deadline: null }]);
    await connections.commands.command(["ZADD", "celery-taskset-meta-c.j", 2, '[1, "c", "SUCCESS", null]']);
    expect(await join(place, "a", 0)).toBe("waiting");
    expect(await join(place, "b", 1)).toEqual(["a", "b", "c"]);
  });

  it("counts who came before Python said that a chord that was over begins anew", async () => {
    await using place = await openRedis();
    const { redis: server } = place;
    await place.backend.chords.begin([{ chordId: "c", size: 2, deadline: null }]);
    await join(place, "a", 0);
    await join(place, "b", 1);
    await place.backend.chords.end(member("b", 1), "sent");
    expect(await join(place, "a", 0)).toBe("over");
    await server(["DEL", "celery-taskset-meta-c.c"]);
    await server(["SET", "celery-taskset-meta-c.s", 2]);
    expect(await join(place, "b", 1)).toEqual(["a", "b"]);
    await place.backend.chords.end(member("b", 1), "sent");
    expect(await join(place, "a", 0)).toBe("over");
    await place.backend.chords.begin([{ chordId: "c", size: 2, deadline: null }]);
    expect(await join(place, "b", 1)).toBe("waiting");
  });

  it("leaves what had come of one that failed, for a while, to Celery's clients", async () => {
    await using place = await openRedis();
    const { redis: server } = place;
    await place.backend.chords.begin([{ chordId: "c", size: 1, deadline: null }]);
    await join(place, "a", 0);
    await place.backend.chords.end(member("a", 0), "failed");
    expect(await server(["ZRANGE", "celery-taskset-meta-c.j", 0, -1])).toEqual(['[1, "a", "SUCCESS", null]']);
    await place.pass(OVER_MS);
    expect(await server(["KEYS", "celery-taskset-meta-c*"])).toEqual([]);
  });

  it("is not overdue while Python's members come", async () => {
    await using place = await openRedis();
    const { redis: server } = place;
    await place.backend.chords.begin([{ chordId: "c", size: 3, deadline: DEADLINE }]);
    await server(["ZADD", "celery-taskset-meta-c.j", 0, '[1, "a", "SUCCESS", null]']);
    await server(["PEXPIRE", "celery-taskset-meta-c.j", DAY_MS]);
    await place.pass(HOUR_MS);
    expect(await overdue(place)).toEqual([]);
    await place.pass(DEADLINE.ms - HOUR_MS);
    expect(await overdue(place)).toEqual([]);
    await place.pass(HOUR_MS);
    expect(await overdue(place)).toEqual([["a"]]);
  });

  it("waits on for a member of Python's that came since somebody looked", async () => {
    await using place = await openRedis();
    const { redis: server } = place;
    await place.backend.chords.begin([{ chordId: "c", size: 3, deadline: DEADLINE }]);
    await place.pass(DEADLINE.ms);
    await server(["ZADD", "celery-taskset-meta-c.j", 0, '[1, "a", "SUCCESS", null]']);
    expect(await overdue(place)).toEqual([]);
    expect(await join(place, "b", 1)).toBe("waiting");
    await place.pass(DEADLINE.ms);
    expect(await overdue(place)).toEqual([["a", "b"]]);
  });

  it("keeps what Python's members left until its deadline, however soon they would forget it", async () => {
    await using place = await openRedis();
    const { redis: server } = place;
    await server(["SET", "celery-taskset-meta-c.s", 3, "PX", DAY_MS]);
    await server(["ZADD", "celery-taskset-meta-c.j", 0, '[1, "a", "SUCCESS", null]']);
    expect(await join(place, "b", 1)).toBe("unwatched");
    await place.backend.chords.watch("c", DEADLINE);
    await server(["PEXPIRE", "celery-taskset-meta-c.j", DAY_MS]);
    await server(["PEXPIRE", "celery-taskset-meta-c.s", DAY_MS]);
    await server(["ZADD", "celery-taskset-meta-c.j", 2, '[1, "c", "SUCCESS", null]']);
    await place.pass(DAY_MS - HOUR_MS);
    expect(await overdue(place)).toEqual([]);
    await place.pass(DEADLINE.ms);
    expect(await overdue(place)).toEqual([["a", "b", "c"]]);
  });

  it.each([
    ["has sent its body", ["c.j", "c.t", "c.s", "c.d"]],
    ["has made it fail", ["c.s"]],
  ])("is not overdue after a member of Python's %s", async (_, gone) => {
    await using place = await openRedis();
    const { redis: server } = place;
    await place.backend.chords.begin([{ chordId: "c", size: 2, deadline: DEADLINE }]);
    await join(place, "a", 0);
    await server(["DEL", ...gone.map((name) => `celery-taskset-meta-${name}`)]);
    await place.pass(DEADLINE.ms);
    expect(await overdue(place)).toEqual([]);
    expect(await server(["KEYS", "celeriac:*"])).toEqual([]);
  });

  it("grows in Celery's own counter", async () => {
    await using place = await openRedis();
    await place.backend.chords.grow("c", ["x", "y"]);
    await place.backend.chords.grow("c", ["y", "z"]);
    expect(await place.redis(["GET", "celery-taskset-meta-c.t"])).toBe("3");
  });

  it("waits for members that were added to its header", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    await using backend = open(redis({ url: server.url }), systemClock);
    await backend.chords.begin([{ chordId: "c", size: 1, deadline: null }]);
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

/** The names of those who came to each chord that is overdue. */
async function overdue({ backend }: Pick<Place, "backend">): Promise<readonly (readonly string[])[]> {
  const chords = await backend.chords.takeOverdue({ limit: 10 });
  return chords.map(({ names }) => names);
}

function open(adapter: Adapter, clock: Clock): ResultBackend {
  const backend = adapter.createResultBackend?.({ clock, log, resultExpiresMs: 60_000 });
  if (backend === undefined) throw new Error("absent");
  return backend;
}

const PASS = `
local ms = ARGV[1]
for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('PEXPIRE', key, redis.call('PTTL', key) - ms) end
for _, key in ipairs(redis.call('KEYS', 'celeriac:chord-body:*')) do redis.call('HINCRBY', key, 'looked', -ms) end
for _, chord in ipairs(redis.call('ZRANGE', 'celeriac:chords', 0, -1)) do redis.call('ZINCRBY', 'celeriac:chords', -ms, chord) end
`;

interface RedisPlace extends Place {
  redis(command: Command): Promise<unknown>;
}

/** Redis' own time cannot be moved: what is left of the keys' lives is shortened, and when somebody looks at chords. */
async function openRedis(): Promise<RedisPlace> {
  const server = await RedisServer.start();
  const backend = open(redis({ url: server.url }), systemClock);
  const connections = redisConnections(server.url);
  return {
    backend,
    redis: (command) => connections.commands.command(command),
    pass: async (ms) => {
      await connections.commands.command(["EVAL", PASS, 0, ms]);
    },
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

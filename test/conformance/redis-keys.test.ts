import { afterAll, beforeAll, expect } from "vitest";
import { EmptyFamilies } from "../../src/adapters/redis/empty-families.ts";
import { redis } from "../../src/adapters/redis/index.ts";
import { RedisKeyStore } from "../../src/adapters/redis/redis-keys.ts";
import { exerciseKeyStore } from "../../src/testing/conformance/exercise-key-store.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

let places = 0;

exerciseKeyStore("redis keys", {
  test: it.concurrent,
  createPlace: async () => {
    const adapter = redis({ url: server.url, globalKeyprefix: `place${(places += 1)}` });
    const createKeyStore = () => present(adapter.createKeyStore)({ clock: systemClock, log });
    return { createKeyStore, [Symbol.asyncDispose]: async () => undefined };
  },
});

it("a claim made here is there, whatever was seen with messages that were asked for before it", async () => {
  const families = new EmptyFamilies();
  const renewer = { module: "never renewed", data: undefined };
  await using keys = new RedisKeyStore({ connections: redisConnections(server.url), keyPrefix: "", families, renewer });
  expect(await keys.mayHave("seen:")).toBe(false);
  const tellEmpty = families.look();
  await keys.claim("seen:1", "me", 60_000);
  tellEmpty(families.wanted);
  expect(await keys.mayHave("seen:")).toBe(true);
});

it("nothing that results and keys leave behind lives for ever", async () => {
  await using own = await RedisServer.start();
  const { createKeyStore, createResultBackend } = redis({ url: own.url });
  await using keys = present(createKeyStore)({ clock: systemClock, log });
  await using results = present(createResultBackend)({ clock: systemClock, log, resultExpiresMs: 60_000 });
  await keys.claim("family:kept", "me", 60_000, "value");
  await keys.claim("family:renewed", "me", 1_000);
  await keys.renew("family:renewed", "me", 90_000);
  await keys.claim("bare", "me", 1_000);
  await keys.release("bare", "me");
  await keys.takeTurn("limited", { everyMs: 60_000, withinMs: 0 });
  for (const fence of [undefined, 2, 3]) await results.store([{ ...META, taskId: "replaced", fence }]);
  await results.store([{ ...META, taskId: "forgotten", fence: 1 }]);
  await results.forget(["forgotten"]);

  await using connections = redisConnections(own.url);
  const { commands } = connections;
  const names = (await commands.command(["KEYS", "*"])) as readonly string[];
  const lives = await commands.pipeline(names.map((name) => ["PTTL", name]));
  expect([...names].sort()).toEqual([
    "celeriac:fence:replaced",
    "celeriac:key:family:kept",
    "celeriac:key:family:renewed",
    "celeriac:keys:family:",
    "celeriac:turn:limited",
    "celery-task-meta-replaced",
  ]);
  for (const life of lives) expect(life).toBeGreaterThan(0);
});

const META = {
  state: "RETRY",
  result: null,
  traceback: null,
  doneAt: null,
  children: [],
  parentId: null,
  groupId: null,
};

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("absent");
  return value;
}

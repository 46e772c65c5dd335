import { expect } from "vitest";
import { redis } from "../../src/adapters/redis/index.ts";
import { openRenewer } from "../../src/adapters/redis/renewer.ts";
import { KeyHolder } from "../../src/broker/key-holder.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import type { KeyStore } from "../../src/broker/key-store.ts";
import type { Renewer } from "../../src/broker/leases/renewer.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

const LONG_MS = 60_000;

it("renews the claims that are held, by key and owner, and names those that are not", async () => {
  await using server = await RedisServer.start();
  await using keys = keysOf(server);
  await using renewer = open(keys);
  await keys.claim("family:key", "me", LONG_MS, "value");
  const receipts = ['["family:key","me"]', '["family:key","m"]', '["other","me"]'];
  expect(await renewer.renew(receipts, 100 * LONG_MS)).toEqual(receipts.slice(1));
  await using others = keysOf(server);
  expect((await others.read(["family:key"])).get("family:key")).toEqual({ owner: "me", value: "value" });
  expect(await others.mayHave("family:")).toBe(true);
});

it("says that the server is away, and renews once it is back", async () => {
  await using server = await RedisServer.start("--appendonly", "yes", "--appendfsync", "always");
  await using keys = keysOf(server);
  await using renewer = open(keys);
  await keys.claim("key", "me", LONG_MS);
  expect(await renewer.renew(['["key","me"]'], LONG_MS)).toEqual([]);
  await server.kill();
  await expect(renewer.renew(['["key","me"]'], LONG_MS)).rejects.toThrow(BrokerUnavailableError);
  await server.start();
  expect(await renewer.renew(['["key","me"]'], LONG_MS)).toEqual([]);
});

it("keeps a held key while the event loop is blocked for longer than it would live", async () => {
  await using server = await RedisServer.start();
  const keys = keysOf(server);
  const holder = new KeyHolder({ keys, clock, log, ttlMs: 1_500 });
  const held = await holder.take("key", { owner: "me" });
  // Once it has renewed, it is there.
  await clock.sleep(1_000);
  const till = clock.now() + 3_000;
  while (clock.now() < till);
  expect((await keys.read(["key"])).get("key")?.owner).toBe("me");
  expect(held?.lost.aborted).toBe(false);
  await holder[Symbol.asyncDispose]();
  await keys[Symbol.asyncDispose]();
});

function keysOf(server: RedisServer): KeyStore {
  const keys = redis({ url: server.url, globalKeyprefix: "shop:" }).createKeyStore?.({ clock, log });
  if (keys === undefined) throw new Error("absent");
  return keys;
}

/** As in the thread, which has a copy of the data. */
function open({ renewer }: KeyStore): Renewer & AsyncDisposable {
  const opened = openRenewer(structuredClone(renewer?.data));
  return {
    renew: (receipts, ms) => opened.renew(receipts, ms),
    close: () => opened.close(),
    [Symbol.asyncDispose]: () => opened.close(),
  };
}

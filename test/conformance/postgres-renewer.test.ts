import { expect } from "vitest";
import { postgres } from "../../src/adapters/postgres/index.ts";
import { openRenewer } from "../../src/adapters/postgres/renewer.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { KeyHolder } from "../../src/broker/key-holder.ts";
import type { KeyStore } from "../../src/broker/key-store.ts";
import type { Renewer } from "../../src/broker/leases/renewer.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { postgresPlace, type PostgresPlace } from "../support/postgres-places.ts";
import { it } from "../support/with-postgres.ts";

const LONG_MS = 60_000;

it("renews the claims that are held, by key and owner, and names those that are not", async () => {
  await using place = postgresPlace();
  await using keys = keysOf(place);
  await using renewer = open(keys);
  const long = `family:${"key ".repeat(1_000)}`;
  for (const key of ["family:key", long]) await keys.claim(key, "me", LONG_MS, "value");
  const receipts = [
    ["family:key", "me"],
    [long, "me"],
    ["family:key", "m"],
    ["other", "me"],
  ].map((claim) => JSON.stringify(claim));
  expect(await renewer.renew(receipts, 100 * LONG_MS)).toEqual(receipts.slice(2));
  await using others = keysOf(place);
  expect((await others.read([long])).get(long)).toEqual({ owner: "me", value: "value" });
  expect(await others.mayHave(long)).toBe(true);
});

it("says that the server is away, and renews once it is back", async () => {
  await using place = postgresPlace();
  const url = new URL(place.url);
  await using proxy = await FaultyProxy.before(Number(url.port));
  url.port = String(proxy.port);
  await using keys = keysOf({ ...place, url: url.href });
  await using renewer = open(keys);
  await keys.claim("key", "me", LONG_MS);
  expect(await renewer.renew(['["key","me"]'], LONG_MS)).toEqual([]);
  proxy.set("refuse");
  await expect(renewer.renew(['["key","me"]'], LONG_MS)).rejects.toThrow(BrokerUnavailableError);
  proxy.set("none");
  expect(await renewer.renew(['["key","me"]'], LONG_MS)).toEqual([]);
});

it("keeps a held key while the event loop is blocked for longer than it would live", async () => {
  await using place = postgresPlace();
  const keys = keysOf(place);
  const holder = new KeyHolder({ keys, clock, log, ttlMs: 3_000 });
  const held = await holder.take("key", { owner: "me" });
  // Once it has renewed, it is there.
  await clock.sleep(2_500);
  const till = clock.now() + 5_000;
  while (clock.now() < till);
  expect((await keys.read(["key"])).get("key")?.owner).toBe("me");
  expect(held?.lost.aborted).toBe(false);
  await holder[Symbol.asyncDispose]();
  await keys[Symbol.asyncDispose]();
});

function keysOf({ url, schema }: Pick<PostgresPlace, "url" | "schema">): KeyStore {
  const keys = postgres({ url, schema, maxConnections: 2 }).createKeyStore?.({ clock, log });
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

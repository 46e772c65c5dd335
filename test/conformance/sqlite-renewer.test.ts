import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { expect, it } from "vitest";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { openRenewer } from "../../src/adapters/sqlite/renewer.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { message } from "../../src/testing/conformance/broker/stage.ts";
import { openBroker, openKeys, QUEUE } from "../support/blocked-child.ts";
import { sqliteFile, type SqliteFile } from "../support/sqlite-file.ts";

const LEASE_MS = 60_000;

it("renews the leases that are held, and names those that are not", async () => {
  await using file = await sqliteFile();
  await using broker = await brokerOn(file);
  await using renewer = open(file, "leases");
  await broker.publish([{ message: message("held"), route: { exchange: "", routingKey: QUEUE } }]);
  for await (const { fence } of broker.consume([QUEUE], { prefetch: 1 })) {
    const held = `1:${String(fence)}`;
    expect(await renewer.renew([held, "1:2", "2:1", "no receipt"], LEASE_MS)).toEqual(["1:2", "2:1", "no receipt"]);
    return;
  }
  expect.unreachable("nothing was taken");
});

it("renews claims by key and owner, also one that ran out and went to nobody", async () => {
  await using file = await sqliteFile();
  await using keys = openKeys(`sqlite:${file.path}`);
  await using renewer = open(file, "claims");
  await keys.claim("key", "me", 0);
  expect((await keys.read(["key"])).size).toBe(0);
  expect(await renewer.renew(['["key","me"]', '["key","you"]', '["other","me"]'], LEASE_MS)).toEqual([
    '["key","you"]',
    '["other","me"]',
  ]);
  expect((await keys.read(["key"])).get("key")?.owner).toBe("me");
});

it("says that the file is locked, and renews once it is not", async () => {
  await using file = await sqliteFile();
  await using _broker = await brokerOn(file);
  await using renewer = open(file, "leases");
  const connection = loadDriver().open(file.path);
  connection.exec("BEGIN IMMEDIATE");
  await expect(renewer.renew(["1:1"], LEASE_MS)).rejects.toThrow("locked");
  connection.close();
  expect(await renewer.renew(["1:1"], LEASE_MS)).toEqual(["1:1"]);
});

it("makes no file, and knows the one that was made anew", async () => {
  await using file = await sqliteFile();
  await using renewer = open(file, "leases");
  await expect(renewer.renew(["1:1"], LEASE_MS)).rejects.toThrow("ENOENT");
  expect(existsSync(file.path)).toBe(false);
  for (let round = 0; round < 2; round += 1) {
    await using _broker = await brokerOn(file);
    expect(await renewer.renew(["1:1"], LEASE_MS)).toEqual(["1:1"]);
    for (const suffix of ["", "-wal", "-shm"]) await rm(`${file.path}${suffix}`, { force: true });
  }
});

function open({ path }: SqliteFile, kind: "leases" | "claims") {
  const renewer = openRenewer({ path, kind });
  return { renew: renewer.renew.bind(renewer), [Symbol.asyncDispose]: () => renewer.close() };
}

async function brokerOn({ path }: SqliteFile): Promise<Broker> {
  const broker = openBroker(`sqlite:${path}`, LEASE_MS);
  await broker.declare({ queues: [{ name: QUEUE }] });
  return broker;
}

import { expect, it } from "vitest";
import { Database } from "../../src/adapters/sqlite/database.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import type { Broker, Publication } from "../../src/broker/broker.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { Reader } from "../../src/testing/conformance/broker/reader.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { messageOf, QUEUE } from "../support/sqlite-child.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

it("a unique key, a history and the dead letters are as they were when an SQLite file is opened again", async () => {
  await using file = await sqliteFile();
  const open = (): Broker => openBroker(file.path);
  {
    await using broker = open();
    await broker.declare({ queues: [{ name: QUEUE }] });
    await broker.publish([unique("dies", "one"), unique("holder", "two")]);
    const reader = new Reader(broker.consume([QUEUE], { prefetch: 1 }), clock);
    await (await reader.next()).requeue({ code: "failed", detail: "At first." });
    await (await reader.next()).deadLetter({ code: "rejected", detail: "Then." });
  }
  await using broker = open();
  expect(await broker.publish([unique("late", "two"), unique("free", "one")])).toEqual(["holder", undefined]);
  expect(await broker.deadLetters()).toMatchObject([
    { reason: { code: "rejected" }, deliveries: 2, history: [{ code: "failed", detail: "At first." }] },
  ]);
});

function unique(id: string, key: string): Publication {
  const route = { exchange: "", routingKey: QUEUE };
  return { message: messageOf(id), route, unique: { key, until: "end", onDuplicate: "keep-first" } };
}

function openBroker(path: string): Broker {
  const url = `sqlite:${path}`;
  const database = new Database({ path, clock, unavailable: (detail) => new BrokerUnavailableError(url, detail) });
  return new QueuedBroker({ store: new SqliteStore({ url, database }), clock, log });
}

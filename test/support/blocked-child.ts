/**
 * What a process does that a test of blocked event loops starts: `blocked-child.ts ROLE PATH LEASE_MS [BLOCK_MS]`. It tells the test what
 * happens.
 */
import { statSync } from "node:fs";
import { sqlite } from "celeriac/sqlite";
import { Database } from "../../src/adapters/sqlite/database.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import type { Delivery } from "../../src/broker/broker.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { KeyHolder } from "../../src/broker/key-holder.ts";
import type { KeyStore } from "../../src/broker/key-store.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { toError } from "../../src/util/errors.ts";
import type { Logger } from "../../src/util/logger.ts";

export const QUEUE = "queue";
export const KEY = "key";

/** `confirmed` and `settled` are true, or the error's name. */
export type BlockedNews =
  | { readonly ready: number }
  | { readonly received: string; readonly fence: number }
  | { readonly confirmed: string | true; readonly settled: string | true }
  | { readonly taken: string }
  | { readonly logged: string; readonly fields: Readonly<Record<string, unknown>> };

/** The test makes this file to end a block that has no length of its own. */
export function goFile(path: string): string {
  return `${path}.go`;
}

export function openBroker(path: string, leaseMs: number, clock: Clock = systemClock): QueuedBroker {
  const url = `sqlite:${path}`;
  const database = new Database({
    path,
    clock,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
  return new QueuedBroker({ store: new SqliteStore({ url, database }), clock, log, leaseMs });
}

export function openKeys(path: string, clock: Clock = systemClock): KeyStore {
  const keys = sqlite({ path }).createKeyStore?.({ clock, log });
  if (keys === undefined) throw new Error("SQLite has keys.");
  return keys;
}

const ROLES: Readonly<Record<string, (path: string, leaseMs: number, blockMs: number) => Promise<void>>> = {
  /** Takes one message at a time, blocks its event loop, and settles it in the same turn in which the loop is free again. */
  block: async (path, leaseMs, blockMs) => {
    await using broker = openBroker(path, leaseMs);
    await consume(broker, async (delivery) => {
      block(path, blockMs);
      const confirmed = await nameOf(delivery.confirm());
      tell({ confirmed, settled: await nameOf(delivery.ack()) });
    });
  },
  /** Takes messages and settles them at once. */
  consume: async (path, leaseMs) => {
    await using broker = openBroker(path, leaseMs);
    await consume(broker, (delivery) => delivery.ack());
  },
  /** Takes a key and blocks its event loop. */
  "hold-key": async (path, leaseMs, blockMs) => {
    await using keys = openKeys(path);
    await using holder = new KeyHolder({ keys, clock: systemClock, log, ttlMs: leaseMs });
    const held = await holder.take(KEY, { owner: String(process.pid) });
    if (held === undefined) throw new Error("The key is taken.");
    tell({ taken: KEY });
    await systemClock.sleep(50); // what was told is on its way
    block(path, blockMs);
    tell({ confirmed: await nameOf(held.confirm()), settled: await nameOf(held.release()) });
  },
};

async function consume(broker: QueuedBroker, work: (delivery: Delivery) => Promise<void>): Promise<void> {
  await broker.declare({ queues: [{ name: QUEUE }] });
  const consumer = broker.consume([QUEUE], { prefetch: 1 });
  tell({ ready: process.pid });
  for await (const delivery of consumer) {
    tell({ received: Buffer.from(delivery.message.body).toString(), fence: delivery.fence });
    await systemClock.sleep(50); // what was told is on its way
    await work(delivery);
  }
}

/** Without a length: until the test says so. */
function block(path: string, ms: number): void {
  const end = systemClock.now() + ms;
  const isOver = (): boolean =>
    ms > 0 ? systemClock.now() >= end : statSync(goFile(path), { throwIfNoEntry: false }) !== undefined;
  while (!isOver());
}

async function nameOf(outcome: Promise<unknown>): Promise<string | true> {
  return outcome.then(
    () => true as const,
    (error: unknown) => toError(error).name,
  );
}

function tell(news: BlockedNews): void {
  process.send?.(news);
}

const note = (logged: string, fields: Readonly<Record<string, unknown>> = {}): void => tell({ logged, fields });
const log: Logger = { debug: () => undefined, info: () => undefined, warn: note, error: note };

const [role = "", path, leaseMs, blockMs = "0"] = process.argv.slice(2);
const run = ROLES[role];
if (run !== undefined && path !== undefined) {
  await run(path, Number(leaseMs), Number(blockMs));
  process.disconnect();
}

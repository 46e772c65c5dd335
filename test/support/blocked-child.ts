/**
 * What a process does that a test of blocked event loops starts: `blocked-child.ts ROLE URL GO_FILE LEASE_MS [BLOCK_MS]`. It tells the
 * test what happens.
 */
import { statSync } from "node:fs";
import { redis } from "celeriac/redis";
import { sqlite } from "celeriac/sqlite";
import type { Adapter } from "../../src/adapters/adapter.ts";
import type { Broker, Delivery } from "../../src/broker/broker.ts";
import { KeyHolder } from "../../src/broker/key-holder.ts";
import type { KeyStore } from "../../src/broker/key-store.ts";
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

export function openBroker(url: string, leaseMs: number, clock: Clock = systemClock): Broker {
  const broker = adapterAt(url).createBroker?.({ clock, log, leaseMs });
  if (broker === undefined) throw new Error(`${url} has a broker.`);
  return broker;
}

export function openKeys(url: string, clock: Clock = systemClock): KeyStore {
  const keys = adapterAt(url).createKeyStore?.({ clock, log });
  if (keys === undefined) throw new Error(`${url} has keys.`);
  return keys;
}

function adapterAt(url: string): Adapter {
  return url.startsWith("redis:") ? redis({ url }) : sqlite({ path: url.slice("sqlite:".length) });
}

interface Orders {
  readonly url: string;
  /** The test makes this file to end a block that has no length of its own. */
  readonly goFile: string;
  readonly leaseMs: number;
  readonly blockMs: number;
}

const ROLES: Readonly<Record<string, (orders: Orders) => Promise<void>>> = {
  /** Takes one message at a time, blocks its event loop, and settles it in the same turn in which the loop is free again. */
  block: async (orders) => {
    await using broker = openBroker(orders.url, orders.leaseMs);
    await consume(broker, async (delivery) => {
      block(orders);
      const confirmed = await nameOf(delivery.confirm());
      tell({ confirmed, settled: await nameOf(delivery.ack()) });
    });
  },
  /** Takes messages and settles them at once. */
  consume: async ({ url, leaseMs }) => {
    await using broker = openBroker(url, leaseMs);
    await consume(broker, (delivery) => delivery.ack());
  },
  /** Takes a key and blocks its event loop. */
  "hold-key": async (orders) => {
    await using keys = openKeys(orders.url);
    await using holder = new KeyHolder({ keys, clock: systemClock, log, ttlMs: orders.leaseMs });
    const held = await holder.take(KEY, { owner: String(process.pid) });
    if (held === undefined) throw new Error("The key is taken.");
    tell({ taken: KEY });
    await systemClock.sleep(50); // what was told is on its way
    block(orders);
    tell({ confirmed: await nameOf(held.confirm()), settled: await nameOf(held.release()) });
  },
};

async function consume(broker: Broker, work: (delivery: Delivery) => Promise<void>): Promise<void> {
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
function block({ blockMs, goFile }: Orders): void {
  const end = systemClock.now() + blockMs;
  const isOver = (): boolean =>
    blockMs > 0 ? systemClock.now() >= end : statSync(goFile, { throwIfNoEntry: false }) !== undefined;
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

const [role = "", url, goFile = "", leaseMs, blockMs = "0"] = process.argv.slice(2);
const run = ROLES[role];
if (run !== undefined && url !== undefined) {
  await run({ url, goFile, leaseMs: Number(leaseMs), blockMs: Number(blockMs) });
  process.disconnect();
}

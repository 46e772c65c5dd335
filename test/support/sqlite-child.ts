/** What a process does that a test of the SQLite adapter starts: `sqlite-child.ts ROLE PATH [NUMBER]`. It tells the test what happens. */
import { Database } from "../../src/adapters/sqlite/database.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import type { Message } from "../../src/message/message.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";

export const QUEUE = "queue";
/** Of the consumers' leases, in milliseconds. */
export const LEASE_MS = 1_000;

/** What a child tells. `sent`, once the send has resolved, and `received`, once the ack has, hold the message's text. */
export type News =
  | { readonly ready: true }
  | { readonly sent: string }
  | { readonly received: string; readonly deliveries: number }
  | { readonly failed: string };

const ROLES: Readonly<Record<string, (broker: QueuedBroker, count: number) => Promise<void>>> = {
  /** Opens the file and declares the queue. */
  open: async () => undefined,
  /** Sends COUNT messages, some at a time. */
  produce: async (broker, count) => {
    const lanes = 10;
    const sendEveryTenth = async (lane: number): Promise<void> => {
      for (let index = lane; index < count; index += lanes) {
        const text = `${process.pid}-${index}`;
        await broker.publish([{ message: messageOf(text), route: { exchange: "", routingKey: QUEUE } }]);
        tell({ sent: text });
      }
    };
    await Promise.all(Array.from({ length: lanes }, (_, lane) => sendEveryTenth(lane)));
  },
  /** Acknowledges what comes, for as long as it lives. */
  consume: async (broker) => {
    for await (const delivery of broker.consume([QUEUE], { prefetch: 20 })) {
      await delivery.ack();
      tell({ received: Buffer.from(delivery.message.body).toString(), deliveries: delivery.deliveries });
    }
  },
  /** Takes one message and keeps it. */
  hold: async (broker) => {
    for await (const { message, deliveries } of broker.consume([QUEUE], { prefetch: 1 })) {
      tell({ received: Buffer.from(message.body).toString(), deliveries });
    }
  },
};

export function messageOf(text: string): Message {
  return {
    body: Buffer.from(text),
    contentType: "text/plain",
    contentEncoding: "utf-8",
    headers: { id: text },
    properties: { correlationId: text },
  };
}

export function openBroker(path: string): QueuedBroker {
  const url = `sqlite:${path}`;
  const database = new Database({
    path,
    clock,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
  return new QueuedBroker({ store: new SqliteStore({ url, database }), clock, log, leaseMs: LEASE_MS });
}

function tell(news: News): void {
  process.send?.(news);
}

const [role = "", path, number] = process.argv.slice(2);
const run = ROLES[role];
if (run !== undefined && path !== undefined) {
  try {
    await using broker = openBroker(path);
    await broker.declare({ queues: [{ name: QUEUE }] });
    tell({ ready: true });
    await run(broker, Number(number));
  } catch (error) {
    tell({ failed: String(error) });
  }
  process.disconnect();
}

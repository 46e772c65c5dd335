import { randomUUID } from "node:crypto";
import type { BrokerContext } from "../../src/adapters/adapter.ts";
import { amqp, type AmqpOptions } from "../../src/adapters/amqp/index.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { exerciseBroker } from "../../src/testing/conformance/exercise-broker.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { vhostOfFile } from "../support/rabbitmq-of-file.ts";
import { it } from "../support/with-rabbitmq.ts";

/** The shortest that AMQP knows. RabbitMQ gives a connection up after two that it has missed. */
const HEARTBEAT_MS = 1_000;
const LEASE_MS = 3_500;

const NO_DELAYED = "RabbitMQ's delayed messages of all queues are in the same level queues";

const NO_PRIORITIES = "quorum queues have no priorities before RabbitMQ 4, and two since";
const QUORUM_SKIPS = [
  {
    test: "the more urgent end of the priorities is served first, and within one priority the older message",
    reason: NO_PRIORITIES,
  },
];

const KINDS = {
  classic: { maxPriority: 9 },
  quorum: { queueType: "quorum" },
} as const;

for (const [kind, options] of Object.entries(KINDS)) exercise(kind as keyof typeof KINDS, options);

function exercise(kind: keyof typeof KINDS, kindOptions: Pick<AmqpOptions, "maxPriority" | "queueType">): void {
  exerciseBroker(`rabbitmq, ${kind} queues`, {
    test: it.concurrent,
    leaseMs: LEASE_MS,
    open: async () => {
      const vhost = await vhostOfFile();
      const deadLetterQueue = `dead-letters-${randomUUID()}`;
      const context: BrokerContext = { clock, log };
      const open = (url: string): Broker => {
        const options = { url, heartbeatMs: HEARTBEAT_MS, deadLetterQueue, ...kindOptions };
        const { createBroker } = amqp(options);
        if (createBroker === undefined) throw new Error("RabbitMQ is a broker.");
        return createBroker(context);
      };
      const { port, hostname } = new URL(vhost.url);
      const proxy = await FaultyProxy.before(Number(port));
      let isStalled = false;
      return {
        broker: open(vhost.url.replace(`${hostname}:${port}`, `127.0.0.1:${proxy.port}`)),
        second: async () => open(vhost.url),
        stall: () => {
          isStalled = true;
          proxy.set("stall");
        },
        resume: () => {
          proxy.set("none");
          if (isStalled) proxy.reset();
          isStalled = false;
        },
        dispose: () => proxy[Symbol.asyncDispose](),
      };
    },
    skip: [
      { test: "purging drops what is ready or delayed, tells how many, and leaves what is held", reason: NO_DELAYED },
      {
        test: "ifEmpty keeps a queue that holds a ready, a delayed or a held message",
        reason: "RabbitMQ tells of ready messages only",
      },
      {
        test: "a lease that ran out is confirmed while nobody has taken the message, and lasts again from then",
        reason: "the connection is the lease, and does not come back",
      },
      ...(kind === "quorum" ? QUORUM_SKIPS : []),
    ],
  });
}

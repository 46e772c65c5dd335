import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { amqp } from "../../src/adapters/amqp/index.ts";
import { Reader, textOf } from "../../src/testing/conformance/broker/reader.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { eventually } from "../support/eventually.ts";
import { RabbitServer } from "../support/rabbitmq.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { it } from "../support/with-own-rabbitmq.ts";

const SOON = { timeoutMs: 15_000, pauseMs: 50 } as const;

it(
  "takes and acknowledges while the server is short of memory, sends nothing and says why, and loses nothing of what was confirmed",
  { timeout: 90_000 },
  async () => {
    await using server = await RabbitServer.start();
    const { log, lines } = recordingLogger();
    const { createBroker } = amqp({ url: `amqp://127.0.0.1:${server.port}`, heartbeatMs: 1_000 });
    if (createBroker === undefined) throw new Error("RabbitMQ is a broker.");
    await using broker = createBroker({ clock, log });
    const queue = `queue-${randomUUID()}`;
    await broker.declare({ queues: [{ name: queue }] });
    const confirmed: string[] = [];
    const send = async (text: string, signal?: AbortSignal): Promise<void> => {
      await broker.publish([toQueue(queue, text)], signal === undefined ? {} : { signal });
      confirmed.push(text);
    };
    const told = (message: string): readonly unknown[] =>
      lines.filter((line) => line.message === message).map(({ fields }) => fields["reason"]);
    for (let count = 0; count < 10; count += 1) await send(`before ${count}`);

    await server.setMemoryAlarm(true);
    const late = AbortSignal.timeout(12_000);
    const blocked = Promise.allSettled(Array.from({ length: 5 }, (_, index) => send(`blocked ${index}`, late)));
    await eventually(() => expect(told("broker takes no messages now")).toEqual(["low on memory"]), SOON);
    await expect(send("refused")).rejects.toThrow(/takes no messages now \(low on memory\); nothing was published/);
    await expect(send("hurried", AbortSignal.timeout(50))).rejects.toThrow("timeout");

    await using consumer = broker.consume([queue], { prefetch: 3 });
    const reader = new Reader(consumer, clock);
    const taken: string[] = [];
    const take = async (): Promise<void> => {
      const delivery = await reader.next();
      taken.push(textOf(delivery));
      await delivery.ack();
    };
    const first = await reader.next();
    const requeueing = first.requeue();
    while (!taken.includes("before 9")) await take();
    expect(broker.state).toBe("open");

    await expect(send("missed", AbortSignal.timeout(50))).rejects.toThrow("timeout");
    await server.setMemoryAlarm(false);
    await blocked;
    await requeueing;
    for (let count = 0; count < 5; count += 1) await send(`after ${count}`);
    expect(told("broker takes messages again")).toHaveLength(1);
    while (!taken.includes("after 4")) await take();
    expect(taken.filter((text) => confirmed.includes(text)).sort()).toEqual(confirmed.toSorted());
    expect(new Set(taken).size).toBe(taken.length);
    for (const text of ["refused", "missed"]) expect(taken).not.toContain(text);
  },
);

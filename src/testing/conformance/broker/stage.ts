import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import type { Broker, Publication, QueueDepth } from "../../../broker/broker.ts";
import type { Message } from "../../../message/message.ts";
import type { Queue, Route } from "../../../routing/topology.ts";
import type { Clock } from "../../../util/clock.ts";
import { eventually } from "../waiting.ts";
import { Reader } from "./reader.ts";

/** A broker to be tested, opened for one test. */
export interface BrokerUnderTest {
  readonly broker: Broker;
  /** Another broker object on the same store, as another process would have. Disposed by the suite. */
  second(): Promise<Broker>;
  /**
   * From now on `broker` renews no lease, as if its process were stopped (SIGSTOP), so that what it holds goes to others after
   * `leaseMs`. It can still be called. A `QueuedBroker` on a `StallableClock` does this.
   */
  stall(): Promise<void> | void;
  /** Ends the stall. */
  resume(): Promise<void> | void;
  /** Called after `broker` has been disposed. */
  dispose(): Promise<void>;
}

/** What a case of the suite works with. */
export class BrokerStage implements AsyncDisposable {
  readonly broker: Broker;
  readonly clock: Clock;
  /** How soon what a stalled broker holds goes to others, in milliseconds. */
  readonly leaseMs: number;
  readonly #subject: BrokerUnderTest;
  readonly #opened: Broker[] = [];

  constructor(subject: BrokerUnderTest, clock: Clock, leaseMs: number) {
    this.broker = subject.broker;
    this.clock = clock;
    this.leaseMs = leaseMs;
    this.#subject = subject;
  }

  async second(): Promise<Broker> {
    const broker = await this.#subject.second();
    this.#opened.push(broker);
    return broker;
  }

  async stall(): Promise<void> {
    await this.#subject.stall();
  }

  async resume(): Promise<void> {
    await this.#subject.resume();
  }

  /** Declares a queue that nobody else has, and returns its name. */
  async queue(options: Omit<Queue, "name"> = {}): Promise<string> {
    const name = uniqueName("queue");
    await this.broker.declare({ queues: [{ name, ...options }] });
    return name;
  }

  /** Consumes with room for everything, unless told otherwise. */
  read(
    queues: string | readonly string[],
    options: { readonly prefetch?: number; readonly broker?: Broker } = {},
  ): Reader {
    const { prefetch = 100, broker = this.broker } = options;
    return new Reader(broker.consume(typeof queues === "string" ? [queues] : queues, { prefetch }), this.clock);
  }

  /** Publishes texts to one queue, in one batch. */
  async send(queue: string, ...texts: readonly string[]): Promise<void> {
    await this.broker.publish(texts.map((text) => toQueue(queue, text)));
  }

  /** Compares what the broker can tell of a queue: not every broker counts what is delayed or held. */
  async expectDepth(
    queue: string,
    expected: Partial<Omit<QueueDepth, "consumers">>,
    broker: Broker = this.broker,
  ): Promise<void> {
    const depth = await broker.inspect(queue);
    assert.ok(depth !== undefined, `there is no queue ${queue}`);
    const known = Object.entries(expected).filter(([state]) => depth[state as keyof QueueDepth] !== undefined);
    const counted = known.map(([state]) => [state, depth[state as keyof QueueDepth]]);
    assert.deepEqual(Object.fromEntries(counted), Object.fromEntries(known));
  }

  eventually(check: () => Promise<void> | void): Promise<void> {
    return eventually(this.clock, check);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subject.resume();
    for (const broker of [this.broker, ...this.#opened]) await broker[Symbol.asyncDispose]();
    await this.#subject.dispose();
  }
}

export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}

export function message(text: string, rest: Partial<Message> = {}): Message {
  return {
    body: Buffer.from(text),
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: {},
    properties: {},
    ...rest,
  };
}

export function toQueue(queue: string, text: string, rest: Omit<Partial<Publication>, "route"> = {}): Publication {
  return to({ exchange: "", routingKey: queue }, text, rest);
}

export function to(route: Route, text: string, rest: Omit<Partial<Publication>, "route"> = {}): Publication {
  return { message: message(text), route, ...rest };
}

import type { Channel, Options } from "amqplib";
import { TopologyMismatchError } from "../../broker/errors.ts";
import { RememberedTopology } from "../../broker/queued/remembered-topology.ts";
import { queuesFor } from "../../routing/route-table.ts";
import type { Binding, Exchange, ExchangeType, Queue, Route, Topology } from "../../routing/topology.ts";
import type { Logger } from "../../util/logger.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import { UnusableError, type AmqpReplyError } from "./connections/amqp-failure.ts";

/** An exclusive queue whose owner is gone without a word is kept for so long, in milliseconds. One that AMQP calls exclusive would not survive a reconnect. */
const ABANDONED_AFTER_MS = 3_600_000;

export interface QueueOptions {
  /** `x-queue-type`. @default the virtual host's, which is classic unless changed */
  readonly queueType?: "classic" | "quorum" | undefined;
  /** `x-max-priority`. @default none: priorities are carried, and not looked at */
  readonly maxPriority?: number | undefined;
}

export interface TopologyOptions {
  readonly pool: ChannelPool;
  readonly queues: QueueOptions;
  readonly log: Logger;
}

/** What was declared here: made durable, as Celery declares it, remembered, and declared again on every new connection. */
export class AmqpTopology {
  readonly #options: TopologyOptions;
  readonly #remembered = new RememberedTopology();
  readonly #listeners = new Set<() => void>();

  constructor(options: TopologyOptions) {
    this.#options = options;
  }

  /** Rejects with TopologyMismatchError. */
  async declare(topology: Topology): Promise<void> {
    const { pool } = this.#options;
    for (const step of this.#steps(topology)) await step((ask) => pool.call(ask));
    this.#remembered.remember(topology);
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` whenever something was declared. */
  onDeclared(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** All that is remembered, on a new connection. What the server refuses now is told to the log, and keeps nothing else from coming back. */
  async replay(connection: AmqpConnection): Promise<void> {
    const { pool, log } = this.#options;
    for (const step of this.#steps(this.#remembered.topology)) {
      try {
        await step((ask) => pool.callOn(connection, ask));
      } catch (error) {
        if (error instanceof UnusableError) throw error;
        log.error("topology not declared again", { error: (error as Error).message });
      }
    }
  }

  /** Declares one queue again with its bindings and what they lead from, where it was declared here; false where it was not. */
  async restore(queue: string): Promise<boolean> {
    const { exchanges, queues, bindings } = this.#remembered.topology;
    const known = queues.filter(({ name }) => name === queue);
    if (known.length === 0) return false;
    const own = bindings.filter((binding) => binding.queue === queue);
    const sources = new Set(own.map(({ exchange }) => exchange));
    await this.declare({ exchanges: exchanges.filter(({ name }) => sources.has(name)), queues: known, bindings: own });
    return true;
  }

  forget(queue: string): void {
    this.#remembered.forget(queue);
  }

  /** Names of the queues that were declared here and not removed since. */
  get queueNames(): readonly string[] {
    return this.#remembered.topology.queues.map(({ name }) => name);
  }

  get exclusiveQueues(): readonly string[] {
    return this.#remembered.topology.queues.filter(({ exclusive }) => exclusive === true).map(({ name }) => name);
  }

  /** The queues that a message gets to, as far as what was declared here tells. */
  queuesOf({ exchange, routingKey }: Route): readonly string[] {
    if (exchange === "") return [routingKey];
    const { exchanges, bindings } = this.#remembered.topology;
    const type = exchanges.find(({ name }) => name === exchange)?.type;
    if (type === undefined) return [];
    return queuesFor(
      type,
      bindings.filter((binding) => binding.exchange === exchange),
      routingKey,
    );
  }

  /** What leads to a queue by a pattern, as far as it was declared here: by exchanges that are not direct. */
  patternsOf(queue: string): readonly Route[] {
    const { exchanges, bindings } = this.#remembered.topology;
    const patterned = new Set(exchanges.filter(({ type }) => type !== "direct").map(({ name }) => name));
    return bindings.filter((binding) => binding.queue === queue && patterned.has(binding.exchange));
  }

  #steps({ exchanges = [], queues = [], bindings = [] }: Topology): readonly Step[] {
    return [
      ...exchanges
        .filter(({ name }) => name !== "")
        .map(
          (exchange): Step =>
            (call) =>
              declareExchange(call, exchange),
        ),
      ...queues.map(
        (queue): Step =>
          (call) =>
            declareQueue(call, queue, this.#options),
      ),
      // The default exchange leads to every queue already.
      ...bindings
        .filter(({ exchange }) => exchange !== "")
        .map(
          (binding): Step =>
            (call) =>
              bind(call, binding),
        ),
    ];
  }
}

type Call = <T>(ask: (raw: Channel) => Promise<T>) => Promise<T>;
type Step = (call: Call) => Promise<void>;

async function declareExchange(call: Call, { name, type }: Exchange): Promise<void> {
  try {
    await call((raw) => raw.assertExchange(name, type satisfies ExchangeType, { durable: true }));
  } catch (error) {
    throw isRefusedWith(error, 406) ? mismatch(`The exchange "${name}"`, error, type) : error;
  }
}

async function declareQueue(call: Call, queue: Queue, { queues, log }: TopologyOptions): Promise<void> {
  const { name } = queue;
  const wanted = argumentsOf(queue, queues);
  try {
    await call((raw) => raw.assertQueue(name, { durable: true, arguments: wanted } satisfies Options.AssertQueue));
  } catch (error) {
    // Locked: another connection has it for itself, and it is there.
    if (isRefusedWith(error, 405)) return;
    if (!isRefusedWith(error, 406)) throw error;
    // Somebody declared it with arguments that nobody asked for here: it is taken as it is, as a queue of Celery's with a policy would be.
    const [, argument = ""] = INEQUIVALENT.exec(error.text) ?? [];
    if (!argument.startsWith("x-") || wanted[argument] !== undefined) {
      throw mismatch(`The queue "${name}"`, error, JSON.stringify(wanted));
    }
    log.debug("queue taken as it is", { queue: name, detail: error.text });
  }
}

async function bind(call: Call, { queue, exchange, routingKey }: Binding): Promise<void> {
  await call((raw) => raw.bindQueue(queue, exchange, routingKey));
}

function argumentsOf(
  { expiresMs, exclusive = false }: Queue,
  { queueType, maxPriority }: QueueOptions,
): Readonly<Record<string, unknown>> {
  const expires = expiresMs ?? (exclusive ? ABANDONED_AFTER_MS : undefined);
  // A queue that goes by itself is no work for a group of nodes.
  const isLasting = expires === undefined;
  return {
    ...(expires === undefined ? {} : { "x-expires": expires }),
    ...(queueType === undefined || !isLasting ? {} : { "x-queue-type": queueType }),
    ...(maxPriority === undefined || queueType === "quorum" ? {} : { "x-max-priority": maxPriority }),
  };
}

const INEQUIVALENT = /inequivalent arg '(.+?)' for .*: received (.+) but current is (.+)$/s;

function mismatch(what: string, { text }: AmqpReplyError, declared: string): TopologyMismatchError {
  const [, argument, received, current] = INEQUIVALENT.exec(text) ?? [];
  if (argument === undefined) return new TopologyMismatchError(what, `something else (${text})`, declared);
  return new TopologyMismatchError(what, `${argument}: ${current}`, `${argument}: ${received}`);
}

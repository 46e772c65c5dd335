import type { Publication } from "../../broker/broker.ts";
import { UnroutableError } from "../../broker/errors.ts";
import type { Route } from "../../routing/topology.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { toAmqp, type Outgoing } from "./amqp-message.ts";
import type { AmqpTopology } from "./amqp-topology.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isRefusedWith } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import type { DelayedDelivery } from "./delayed-delivery.ts";
import { findQueue } from "./find-queue.ts";

/** So long is a queue or an exchange that was there taken to be there still, in milliseconds: what is wrong by then is returned by the server. */
const KNOWN_MS = 5_000;

export interface RouterOptions {
  readonly link: AmqpLink;
  readonly pool: ChannelPool;
  readonly topology: AmqpTopology;
  readonly delayed: DelayedDelivery;
  readonly clock: Clock;
}

/** Where publications go, with what has to be sure before the first of them is sent. */
export class Router {
  readonly #options: RouterOptions;
  #connection: AmqpConnection | undefined;
  /** Until when each queue and exchange is taken to exist, by the clock's uptime. */
  readonly #knownQueues = new Map<string, number>();
  readonly #knownExchanges = new Map<string, number>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** At once, where the server's own answer to each is enough: undefined where something has to be looked up first. */
  routeNow(publications: readonly Publication[]): readonly Outgoing[] | undefined {
    const [first] = publications;
    if (first === undefined) return [];
    const { exchange, routingKey } = first.route;
    if (exchange !== "" && !this.#isKnown(this.#knownExchanges, exchange)) return undefined;
    for (const { route, delayMs = 0 } of publications) {
      if (delayMs > 0 || route.exchange !== exchange || route.routingKey !== routingKey) return undefined;
    }
    return publications.map(({ message, route }) => ({ ...route, ...toAmqp(message) }));
  }

  /** Rejects with UnroutableError when one of the queues or exchanges is not there. Who is bound to an exchange is the server's secret. */
  async route(publications: readonly Publication[]): Promise<readonly Outgoing[]> {
    const { routes, delays } = parted(publications);
    for (const route of routes) {
      if (route.exchange === "") await this.#checkQueue(route.routingKey);
      else await this.#checkExchange(route);
    }
    if (!delays) return publications.map(({ message, route }) => ({ ...route, ...toAmqp(message) }));
    const outgoing = await Promise.all(publications.map((publication) => this.#delayed(publication)));
    return outgoing.flat();
  }

  /** Something went wrong with these: what was known of where they go is looked up anew. */
  doubt(publications: readonly Publication[]): void {
    if (publications.some(({ delayMs = 0 }) => delayMs > 0)) this.#options.delayed.forget();
    for (const { route } of publications) {
      this.#knownQueues.delete(route.routingKey);
      this.#knownExchanges.delete(route.exchange);
    }
  }

  /** Where an exchange leads to is known of what was declared here; else the message goes undelayed, and who gets it defers it. */
  async #delayed({ message, route, delayMs = 0 }: Publication): Promise<readonly Outgoing[]> {
    const outgoing = toAmqp(message);
    const queues = delayMs > 0 ? this.#options.topology.queuesOf(route) : [];
    if (queues.length === 0) return [{ ...route, ...outgoing }];
    for (const queue of queues) await this.#checkQueue(queue, route);
    return Promise.all(
      queues.map(async (queue) => ({ ...(await this.#options.delayed.route(queue, delayMs)), ...outgoing })),
    );
  }

  #isKnown(known: ReadonlyMap<string, number>, name: string): boolean {
    const { link, clock } = this.#options;
    if (link.connection !== this.#connection) {
      this.#connection = link.connection;
      this.#knownQueues.clear();
      this.#knownExchanges.clear();
    }
    const until = known.get(name);
    return until !== undefined && uptimeOf(clock) < until;
  }

  async #checkQueue(queue: string, route: Route = { exchange: "", routingKey: queue }): Promise<void> {
    await this.#ensure(this.#knownQueues, queue, route, async () => {
      return (await findQueue(this.#options.pool, queue)) !== undefined;
    });
  }

  async #checkExchange(route: Route): Promise<void> {
    const { exchange } = route;
    await this.#ensure(this.#knownExchanges, exchange, route, () => this.#hasExchange(exchange));
  }

  async #hasExchange(exchange: string): Promise<boolean> {
    try {
      await this.#options.pool.call((raw) => raw.checkExchange(exchange));
      return true;
    } catch (error) {
      if (isRefusedWith(error, 404)) return false;
      throw error;
    }
  }

  async #ensure(
    known: Map<string, number>,
    name: string,
    route: Route,
    isThere: () => Promise<boolean>,
  ): Promise<void> {
    if (this.#isKnown(known, name)) return;
    try {
      if (!(await isThere())) throw new UnroutableError(route.exchange, route.routingKey);
    } catch (error) {
      // Locked: another connection has it for itself, and it is there.
      if (!isRefusedWith(error, 405)) throw error;
    }
    known.set(name, uptimeOf(this.#options.clock) + KNOWN_MS);
  }
}

/** The different routes, and whether something is to come later. */
function parted(publications: readonly Publication[]): { readonly routes: Iterable<Route>; readonly delays: boolean } {
  const routes = new Map<string, Route>();
  for (const { route } of publications) routes.set(JSON.stringify([route.exchange, route.routingKey]), route);
  return { routes: routes.values(), delays: publications.some(({ delayMs = 0 }) => delayMs > 0) };
}

import { setMaxListeners } from "node:events";
import type { Clock } from "../../../util/clock.ts";
import type { Logger } from "../../../util/logger.ts";
import { Companions } from "./companions.ts";
import { Connection } from "./connection.ts";
import type { Endpoint } from "./endpoint.ts";
import { UnusableError, type Unavailable } from "./failure.ts";
import type { OwnLinkOptions, RedisConnections, RedisLink } from "./redis-link.ts";
import { Subscriber } from "./subscriber.ts";
import { SupervisedLink } from "./supervised-link.ts";

export interface ConnectionsOptions {
  /** For messages and logs; secrets masked. */
  readonly url: string;
  readonly endpoint: Endpoint;
  /** Those of others to the same server are among them. @default only its own */
  readonly companions?: Companions | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly unavailable: Unavailable;
}

/** Connections that are watched over: none of them can keep its users waiting, and all come back by themselves. */
export class SupervisedConnections implements RedisConnections {
  readonly commands: SupervisedLink;
  readonly subscriber: Subscriber;
  readonly #options: ConnectionsOptions;
  readonly #companions: Companions;
  readonly #links: SupervisedLink[] = [];
  #warned: string | undefined;
  readonly #closed = new AbortController();
  readonly closed: AbortSignal = this.#closed.signal;

  constructor(options: ConnectionsOptions) {
    setMaxListeners(0, this.closed); // one for every listener
    this.#options = options;
    const { clock, unavailable, companions = new Companions() } = options;
    this.#companions = companions;
    this.commands = new SupervisedLink({ connect: () => this.#connect(), unavailable });
    this.subscriber = new Subscriber({ connect: () => this.#connect(), clock, unavailable });
  }

  open(): Promise<void> {
    return this.commands.open();
  }

  createLink({ setUp }: OwnLinkOptions = {}): RedisLink {
    const link = new SupervisedLink({
      connect: () => this.#connect(setUp),
      unavailable: this.#options.unavailable,
    });
    this.#links.push(link);
    return link;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new UnusableError("it was closed in this process."));
    for (const link of [this.commands, this.subscriber, ...this.#links]) await link[Symbol.asyncDispose]();
  }

  async #connect(setUp?: OwnLinkOptions["setUp"]): Promise<Connection> {
    const { endpoint, clock } = this.#options;
    const connection = await Connection.open({
      endpoint,
      clock,
      setUp: (await setUp?.()) ?? [],
      signal: this.#closed.signal,
    });
    this.#companions.add(connection);
    this.#warn(connection.warnings.join("; "));
    return connection;
  }

  /** Once for each thing to be warned of. */
  #warn(warning: string): void {
    if (warning !== "" && warning !== this.#warned) {
      this.#options.log.warn("this Redis may lose messages", { url: this.#options.url, reason: warning });
    }
    this.#warned = warning;
  }
}

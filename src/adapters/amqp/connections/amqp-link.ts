import type { BrokerState } from "../../../broker/broker.ts";
import type { Abortable } from "../../../util/abortable.ts";
import { exponentialBackoff } from "../../../util/backoff.ts";
import type { Clock } from "../../../util/clock.ts";
import type { Logger } from "../../../util/logger.ts";
import { untilAborted } from "../../../util/until-aborted.ts";
import type { AmqpTlsOptions } from "../amqp-options.ts";
import { AmqpConnection } from "./amqp-connection.ts";
import { explained, judged, UnusableError, type Unavailable } from "./amqp-failure.ts";
import type { AmqpAddress } from "./amqp-url.ts";

/** A server that comes back is found within two seconds. */
const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

export interface AmqpLinkOptions {
  /** For messages and logs; secrets masked. */
  readonly url: string;
  /** Nodes of one cluster: one is used at a time, the next when it fails. */
  readonly addresses: readonly [AmqpAddress, ...AmqpAddress[]];
  readonly tls?: AmqpTlsOptions | undefined;
  /** In seconds. */
  readonly heartbeat: number;
  /** What it is for: RabbitMQ's own tools list it by this name. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly unavailable: Unavailable;
}

type StateListener = (state: BrokerState, cause?: Error) => void;

/**
 * One connection at a time to a RabbitMQ, made when it is first asked for. Once it was open, it is rebuilt by itself whenever it is lost, on the next
 * node where there are several.
 *
 * ```
 * idle ⇄ connecting → open ⇄ lost        any → closed
 * ```
 */
export class AmqpLink implements AsyncDisposable {
  readonly #options: AmqpLinkOptions;
  readonly #listeners = new Set<StateListener>();
  readonly #setUps = new Set<(connection: AmqpConnection) => Promise<void>>();
  readonly #closing = new AbortController();
  #state: BrokerState = "idle";
  #connection: AmqpConnection | undefined;
  #connecting: Promise<AmqpConnection> | undefined;
  /** Ends the pause before the next attempt. */
  #hurry = new AbortController();
  #rebuilding: Promise<void> | undefined;
  /** Which of the addresses is tried first. */
  #next = 0;

  constructor(options: AmqpLinkOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  get state(): BrokerState {
    return this.#state;
  }

  /** The connection, while there is one that is not lost. */
  get connection(): AmqpConnection | undefined {
    return this.#connection;
  }

  onState(listener: StateListener): Disposable {
    const own: StateListener = (state, cause) => listener(state, cause);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  /** Run on each new connection before anybody else gets it, such as declarations; when it rejects, the connection is of no use and is given up. */
  onConnected(setUp: (connection: AmqpConnection) => Promise<void>): Disposable {
    this.#setUps.add(setUp);
    return { [Symbol.dispose]: () => void this.#setUps.delete(setUp) };
  }

  /** The connection, made or rebuilt where need be. Callers at the same time share one attempt. Rejects with the error of `unavailable`. */
  async connect({ signal }: Abortable = {}): Promise<AmqpConnection> {
    if (this.#state === "closed") throw this.closedError();
    if (this.#connection !== undefined) return this.#connection;
    this.#hurry.abort();
    return untilAborted(this.#attempt(), signal);
  }

  /** What a call on its connection or a channel rejected with, as this link's callers are told: by the error of `unavailable` where it was lost or closed. */
  explained(error: unknown): unknown {
    const isClosed = error instanceof Error && error.name === "IllegalOperationError";
    return explained(isClosed ? judged(error) : error, this.#options.unavailable);
  }

  closedError(): Error {
    return this.#options.unavailable("this broker object has been disposed.", { cause: undefined, mayComeBack: false });
  }

  /** In order: what was written to its channels has been taken by the server then. Takes some seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return;
    const connection = this.#connection;
    this.#connection = undefined;
    this.#change("closed");
    this.#closing.abort(new UnusableError("it was closed in this process."));
    this.#hurry.abort();
    await connection?.close();
    await this.#connecting?.catch(() => undefined); // told to whoever asked
    await this.#rebuilding;
  }

  #attempt(): Promise<AmqpConnection> {
    if (this.#closing.signal.aborted) return Promise.reject(this.closedError());
    return (this.#connecting ??= this.#open().finally(() => (this.#connecting = undefined)));
  }

  async #open(): Promise<AmqpConnection> {
    if (this.#state === "idle") this.#change("connecting");
    try {
      const connection = await this.#openAny();
      this.#use(connection);
      return connection;
    } catch (error) {
      const failure = this.explained(error) as Error;
      if (this.#state === "connecting") this.#change("idle", failure);
      throw failure;
    }
  }

  /** Each node once; rejects with what the last one said. */
  async #openAny(): Promise<AmqpConnection> {
    const { addresses, tls, heartbeat, name, clock } = this.#options;
    let failure: unknown;
    const first = this.#next % addresses.length;
    for (const address of [...addresses.slice(first), ...addresses.slice(0, first)]) {
      try {
        const { signal } = this.#closing;
        signal.throwIfAborted();
        const connection = await AmqpConnection.open({ address, tls, heartbeat, name, clock, signal });
        await this.#setUp(connection);
        return connection;
      } catch (error) {
        failure = error;
        this.#next += 1;
      }
    }
    throw failure;
  }

  async #setUp(connection: AmqpConnection): Promise<void> {
    try {
      const { signal } = this.#closing;
      for (const setUp of this.#setUps) await untilAborted(setUp(connection), signal);
      if (connection.loss !== undefined) throw connection.loss;
      signal.throwIfAborted();
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  #use(connection: AmqpConnection): void {
    const { log, url } = this.#options;
    this.#connection = connection;
    connection.onBlocked((reason) => {
      if (reason === undefined) log.info("broker takes messages again", { broker: url });
      else log.warn("broker takes no messages now", { broker: url, reason });
    });
    connection.onLost(() => this.#lose(connection));
    if (connection.loss === undefined) this.#change("open");
  }

  #lose(connection: AmqpConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#next += 1;
    this.#change("lost", this.explained(connection.loss) as Error);
    this.#rebuilding ??= this.#rebuild().finally(() => (this.#rebuilding = undefined));
  }

  /** Never rejects: what keeps it from coming back is told when it was lost, and to whoever asks for it. */
  async #rebuild(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    for (let failures = 0; this.#connection === undefined && !signal.aborted; failures += 1) {
      this.#hurry = new AbortController();
      const pauseMs = exponentialBackoff(failures, RETRY);
      await clock.sleep(pauseMs, { signal: this.#hurry.signal }).catch(() => undefined);
      await this.#attempt().catch(() => undefined);
    }
  }

  #change(state: BrokerState, cause?: Error): void {
    const before = this.#state;
    if (before === state || before === "closed") return;
    this.#state = state;
    const { log, url, name } = this.#options;
    if (state === "lost") log.warn("broker lost", { broker: url, connection: name, error: cause?.message });
    if (before === "lost" && state === "open") log.info("broker back", { broker: url, connection: name });
    for (const listener of this.#listeners) listener(state, cause);
  }
}

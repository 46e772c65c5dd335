import { randomUUID } from "node:crypto";
import type { Adapter } from "../adapters/adapter.ts";
import { ResultBackendUnavailableError } from "../backend/errors.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { Broker } from "../broker/broker.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { ResultWatcher } from "../result/result-watcher.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import { OnceOpen } from "../util/once-open.ts";
import { connectAdapter } from "./connect.ts";
import { ConfigError } from "./config-error.ts";
import type { ResolvedConfig } from "./config.ts";
import { AppClosedError } from "./errors.ts";

export interface ConnectionsOptions {
  readonly appName: string;
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An app's connections, each opened when first needed; one that could not be opened is tried again at the next need. */
export class Connections implements AsyncDisposable {
  /** Where results are sent that this app has asked for, where they are not kept. Celery: the app's oid. */
  readonly oid: string = randomUUID();
  readonly #options: ConnectionsOptions;
  readonly #brokerAdapter: OnceOpen<Adapter>;
  readonly #backendAdapter: OnceOpen<Adapter | undefined>;
  readonly #broker: OnceOpen<Broker>;
  readonly #backend: OnceOpen<ResultBackend | undefined>;
  readonly #watcher: OnceOpen<ResultWatcher>;
  readonly #keys: OnceOpen<KeyStore | undefined>;
  readonly #opened: AsyncDisposable[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    const { config } = options;
    this.#brokerAdapter = new OnceOpen(() => connectAdapter("broker", config.broker, config.brokerTransportOptions));
    this.#backendAdapter = new OnceOpen(() => this.#findBackend());
    this.#broker = new OnceOpen(() => this.#openBroker());
    this.#backend = new OnceOpen(() => this.#openBackend());
    this.#watcher = new OnceOpen(async () => this.keep(new ResultWatcher(await this.resultBackend())));
    this.#keys = new OnceOpen(() => this.#openKeys());
  }

  /** Rejects with BrokerUnavailableError. */
  broker(): Promise<Broker> {
    return this.#whileOpen(this.#broker);
  }

  /** Undefined when the app has no result backend. Rejects with ResultBackendUnavailableError. */
  optionalBackend(): Promise<ResultBackend | undefined> {
    return this.#whileOpen(this.#backend);
  }

  /** Rejects with ResultBackendUnavailableError, also when the app has no result backend. */
  async resultBackend(): Promise<ResultBackend> {
    const backend = await this.optionalBackend();
    if (backend !== undefined) return backend;
    throw new ResultBackendUnavailableError("(none)", `the app "${this.#options.appName}" has no resultBackend.`);
  }

  resultWatcher(): Promise<ResultWatcher> {
    return this.#whileOpen(this.#watcher);
  }

  /** Undefined when neither the broker's technology nor the backend's has one. */
  keys(): Promise<KeyStore | undefined> {
    return this.#whileOpen(this.#keys);
  }

  /** Whether results are sent to who asks, and not kept. Rejects with ConfigError. */
  async sendsResults(): Promise<boolean> {
    return (await this.#backendAdapter.get())?.sendsResults === true;
  }

  /** Resolves once results that are sent to this app would be heard; at once where they are kept. Rejects with ResultBackendUnavailableError. */
  async resultsHeard(): Promise<void> {
    if (await this.sendsResults()) await (await this.optionalBackend())?.listen?.();
  }

  /** Closes it with the connections, before all that is open already. */
  keep<T extends AsyncDisposable>(part: T): T {
    this.#opened.push(part);
    return part;
  }

  /** Closes what was opened, last first, also what is being opened right now. Rejects with the first error, once all are closed. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const underWay = [this.#broker, this.#backend, this.#watcher, this.#keys].map((part) => part.settled());
    await Promise.all(underWay);
    const errors: unknown[] = [];
    for (const part of this.#opened.reverse()) {
      try {
        await part[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  #whileOpen<T>(part: OnceOpen<T>): Promise<T> {
    return this.#closing === undefined ? part.get() : Promise.reject(new AppClosedError(this.#options.appName));
  }

  async #openBroker(): Promise<Broker> {
    const { clock, log, config } = this.#options;
    const adapter = await this.#brokerAdapter.get();
    if (adapter.createBroker === undefined)
      throw new ConfigError(`broker is ${adapter.url}, which keeps results but no messages.`);
    const { leaseTimeout, visibilityTimeout } = config.brokerTransportOptions;
    const [leaseMs, visibilityTimeoutMs] = [leaseTimeout, visibilityTimeout].map(milliseconds);
    const broker = adapter.createBroker({ clock, log, leaseMs, visibilityTimeoutMs });
    return this.#openOrDispose(broker, () => broker.connect());
  }

  async #findBackend(): Promise<Adapter | undefined> {
    const { resultBackend, resultBackendTransportOptions } = this.#options.config;
    if (resultBackend === undefined) return undefined;
    if (typeof resultBackend !== "string" || !/^rpc:/i.test(resultBackend))
      return connectAdapter("resultBackend", resultBackend, resultBackendTransportOptions);
    const broker = await this.#brokerAdapter.get();
    if (broker.sendsResults === true) return broker;
    throw new ConfigError(`resultBackend is rpc://, which sends results by a RabbitMQ, and broker is ${broker.url}.`);
  }

  async #openBackend(): Promise<ResultBackend | undefined> {
    const { clock, log, config } = this.#options;
    const adapter = await this.#backendAdapter.get();
    if (adapter === undefined) return undefined;
    if (adapter.createResultBackend === undefined)
      throw new ConfigError(`resultBackend is ${adapter.url}, which keeps no results.`);
    const backend = adapter.createResultBackend({
      clock,
      log,
      resultExpiresMs: config.resultExpires * 1000,
      oid: this.oid,
    });
    return this.#openOrDispose(backend, () => backend.open());
  }

  async #openKeys(): Promise<KeyStore | undefined> {
    const { clock, log } = this.#options;
    const adapters = [await this.#brokerAdapter.get(), await this.#backendAdapter.get()];
    for (const adapter of adapters) {
      if (adapter?.createKeyStore !== undefined) return this.keep(adapter.createKeyStore({ clock, log }));
    }
    return undefined;
  }

  /** Keeps a part once it could be opened; one that could not leaves nothing behind. */
  async #openOrDispose<T extends AsyncDisposable>(part: T, open: () => Promise<void>): Promise<T> {
    try {
      await open();
    } catch (error) {
      await part[Symbol.asyncDispose]();
      throw error;
    }
    return this.keep(part);
  }
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

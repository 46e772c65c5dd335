import type { Topology } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import type { BrokerState } from "../broker.ts";
import { BrokerUnavailableError } from "../errors.ts";
import type { MessageStore } from "./message-store.ts";
import { RememberedTopology } from "./remembered-topology.ts";

/**
 * A message store with its state. Every use of the store goes through `run`, which opens it where needed and notices when it is gone.
 *
 * ```
 * idle ⇄ connecting → open ⇄ lost        any → closed
 * ```
 */
export class StoreConnection implements AsyncDisposable {
  readonly #store: MessageStore;
  readonly #log: Logger;
  readonly #remembered = new RememberedTopology();
  readonly #listeners = new Set<StateListener>();
  #state: BrokerState = "idle";
  #opening: Promise<void> | undefined;

  constructor(store: MessageStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** As `MessageStore.isRemote`. */
  get isRemote(): boolean {
    return this.#store.isRemote;
  }

  get state(): BrokerState {
    return this.#state;
  }

  onState(listener: StateListener): Disposable {
    const own: StateListener = (state, cause) => listener(state, cause);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  /** Opens the store, or opens it again, and declares what was declared before. Callers at the same time share one attempt. */
  connect(options: Abortable = {}): Promise<void> {
    if (this.#state === "open") return Promise.resolve();
    if (this.#state === "closed") return Promise.reject(this.closedError());
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    return untilAborted(this.#opening, options.signal);
  }

  /** Rejects as `operation` does, and with BrokerUnavailableError when the store cannot be opened. */
  async run<T>(operation: (store: MessageStore) => Promise<T>, options: Abortable = {}): Promise<T> {
    if (this.#state !== "open") await this.connect(options);
    try {
      return await operation(this.#store);
    } catch (error) {
      if (error instanceof BrokerUnavailableError && this.#state === "open") this.#change("lost", error);
      throw error;
    }
  }

  async declare(topology: Topology): Promise<void> {
    await this.run((store) => store.declare(topology));
    this.#remembered.remember(topology);
  }

  forget(queue: string): void {
    this.#remembered.forget(queue);
  }

  closedError(): BrokerUnavailableError {
    return this.unavailable("this broker object has been disposed.");
  }

  unavailable(detail: string): BrokerUnavailableError {
    return new BrokerUnavailableError(this.#store.url, detail);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#change("closed");
    await this.#store[Symbol.asyncDispose]();
  }

  async #open(): Promise<void> {
    if (this.#state === "idle") this.#change("connecting");
    try {
      await this.#store.open();
      await this.#store.declare(this.#remembered.topology);
    } catch (error) {
      if (this.#state === "connecting") this.#change("idle", toError(error));
      throw error;
    }
    this.#change("open");
  }

  #change(state: BrokerState, cause?: Error): void {
    const before = this.#state;
    if (before === state || before === "closed") return;
    this.#state = state;
    if (state === "lost") this.#log.warn("broker lost", { broker: this.#store.url, error: cause?.message });
    if (before === "lost" && state === "open") this.#log.info("broker back", { broker: this.#store.url });
    for (const listener of this.#listeners) listener(state, cause);
  }
}

/** For batchers: whether an error may be the fault of one item, and not the store's absence. */
export function isRefusal(error: unknown): boolean {
  return !(error instanceof BrokerUnavailableError);
}

type StateListener = (state: BrokerState, cause?: Error) => void;

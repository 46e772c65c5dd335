import { readFileSync } from "node:fs";
import { connect, type Channel, type ChannelModel } from "amqplib";
import type { Abortable } from "../../../util/abortable.ts";
import type { Clock } from "../../../util/clock.ts";
import { toError } from "../../../util/errors.ts";
import { within } from "../../../util/within.ts";
import type { AmqpTlsOptions } from "../amqp-options.ts";
import { AmqpChannel, type AmqpConfirmChannel } from "./amqp-channel.ts";
import { judged, UnusableError } from "./amqp-failure.ts";
import type { AmqpAddress, TlsFiles } from "./amqp-url.ts";

/** How long a connection may take until it can be used, in milliseconds: the handshakes, the log-in. */
const OPEN_MS = 5_000;
/** How long closing in order may take, in milliseconds. */
const CLOSE_MS = 2_000;

export interface OpenOptions extends Abortable {
  readonly address: AmqpAddress;
  readonly tls?: AmqpTlsOptions | undefined;
  /** In seconds. */
  readonly heartbeat: number;
  /** As RabbitMQ's own tools list it. */
  readonly name: string;
  readonly clock: Clock;
}

/** One socket to a RabbitMQ that can be used, from its log-in until it is lost, which it is once. */
export class AmqpConnection {
  readonly #model: ChannelModel;
  readonly #clock: Clock;
  /** Ends the socket at once: a peer that is gone would never answer a close. */
  readonly #socket: AbortController;
  readonly #channels = new Set<AmqpChannel>();
  readonly #lossListeners = new Set<() => void>();
  readonly #blockListeners = new Set<(reason: string | undefined) => void>();
  #error: Error | undefined;
  #loss: UnusableError | undefined;
  #blocked: string | undefined;

  /** Rejects with UnusableError. */
  static async open({ address, tls, heartbeat, name, clock, signal }: OpenOptions): Promise<AmqpConnection> {
    const socket = new AbortController();
    const late = new UnusableError(`it did not answer within ${OPEN_MS / 1_000} s.`);
    const { host: hostname, port, username, password } = address;
    const isSecure = address.tls !== undefined || tls !== undefined;
    const connecting = async (): Promise<ChannelModel> =>
      connect(
        {
          protocol: isSecure ? "amqps" : "amqp",
          vhost: encodeURIComponent(address.vhost),
          ...{ hostname, port, username, password, heartbeat },
        },
        {
          ...{ noDelay: true, keepAlive: true, clientProperties: { connection_name: name } },
          ...(isSecure ? { ...readFiles(address.tls), ...tls } : {}),
          ...({ signal: socket.signal } as object),
        },
      );
    try {
      const model = await within({ clock, ms: OPEN_MS, error: () => late, signal }, connecting);
      return new AmqpConnection(model, clock, socket);
    } catch (error) {
      socket.abort();
      throw judged(error);
    }
  }

  private constructor(model: ChannelModel, clock: Clock, socket: AbortController) {
    this.#model = model;
    this.#clock = clock;
    this.#socket = socket;
    model.on("error", (error: Error) => {
      this.#error = error;
    });
    model.on("close", (error?: Error) => this.#end(error));
    model.on("blocked", (reason: string) => this.#block(reason));
    model.on("unblocked", () => this.#block(undefined));
  }

  /** The first number of the server's version, such as 3; 0 where it does not tell. */
  get majorVersion(): number {
    const { version } = this.#model.connection.serverProperties as { readonly version?: unknown };
    return Number.parseInt(String(version), 10) || 0;
  }

  /** Why it was lost, once it is. */
  get loss(): UnusableError | undefined {
    return this.#loss;
  }

  /** Why the server takes no publications now, such as "low on memory"; it reads nothing at all from a connection that publishes. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  /** Called once; at once when it is lost already. */
  onLost(listener: () => void): Disposable {
    const own = (): void => listener();
    if (this.#loss === undefined) this.#lossListeners.add(own);
    else listener();
    return { [Symbol.dispose]: () => void this.#lossListeners.delete(own) };
  }

  /** Tells the reason when the server stops taking publications, and undefined when it takes them again. */
  onBlocked(listener: (reason: string | undefined) => void): Disposable {
    this.#blockListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#blockListeners.delete(listener) };
  }

  /** Rejects with UnusableError. */
  openChannel(): Promise<AmqpChannel> {
    return this.#keep((model) => model.createChannel());
  }

  /** Rejects with UnusableError. */
  openConfirmChannel(): Promise<AmqpConfirmChannel> {
    return this.#keep((model) => model.createConfirmChannel());
  }

  lose(reason: unknown): void {
    if (this.#loss !== undefined) return;
    this.#error = toError(reason);
    this.#end(this.#error);
  }

  /** In order: what was written to its channels has been taken by the server then. Never rejects, and takes two seconds at most. */
  async close(): Promise<void> {
    if (this.#loss !== undefined) return;
    const closing = async (): Promise<void> => {
      await Promise.all([...this.#channels].map((channel) => channel.close()));
      // It never answers when the socket breaks meanwhile.
      await Promise.race([this.#model.close(), new Promise<void>((resolve) => this.onLost(resolve))]);
    };
    const gone = new UnusableError("it was closed in this process.");
    await within({ clock: this.#clock, ms: CLOSE_MS, error: () => gone }, closing).catch(() => undefined);
    this.lose(gone);
  }

  async #keep<C extends Channel>(create: (model: ChannelModel) => Promise<C>): Promise<AmqpChannel<C>> {
    if (this.#loss !== undefined) throw this.#loss;
    const late = new UnusableError(`it opened no channel within ${OPEN_MS / 1_000} s.`);
    try {
      const raw = await within({ clock: this.#clock, ms: OPEN_MS, error: () => late }, () => create(this.#model));
      const lost = this.loss;
      if (lost !== undefined) throw lost; // what closed the channel with it had nobody to tell
      const channel = new AmqpChannel(raw, this.#clock, this);
      this.#channels.add(channel);
      channel.onClosed(() => this.#channels.delete(channel));
      return channel;
    } catch (error) {
      // It owes an answer: nothing else will come either.
      if (error === late) this.lose(late);
      throw this.loss ?? judged(error);
    }
  }

  #block(reason: string | undefined): void {
    this.#blocked = reason;
    for (const listener of this.#blockListeners) listener(reason);
  }

  #end(error: Error | undefined): void {
    if (this.#loss !== undefined) return;
    this.#loss = judged(this.#error ?? error ?? new UnusableError("the connection was closed."));
    this.#socket.abort();
    const listeners = [...this.#lossListeners];
    this.#lossListeners.clear();
    for (const listener of listeners) listener();
  }
}

/** Read at every connection, so that a renewed certificate is taken up. */
function readFiles(files: TlsFiles | undefined): AmqpTlsOptions {
  if (files === undefined) return {};
  const { caFile, certFile, keyFile, isServerChecked } = files;
  return {
    rejectUnauthorized: isServerChecked,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
  };
}

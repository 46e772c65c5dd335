import type { ConfirmChannel, Message as AmqpDelivered } from "amqplib";
import { UnroutableError } from "../../broker/errors.ts";
import type { Abortable } from "../../util/abortable.ts";
import type { Clock } from "../../util/clock.ts";
import { uptimeOf } from "../../util/clock.ts";
import { isOver } from "../../util/ending.ts";
import { deferred } from "../../util/deferred.ts";
import { startTimer } from "../../util/timer.ts";
import type { AmqpConfirmChannel } from "./connections/amqp-channel.ts";
import type { AmqpConnection } from "./connections/amqp-connection.ts";
import { AmqpReplyError, UnusableError } from "./connections/amqp-failure.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import type { Outgoing } from "./amqp-message.ts";
import { KeptHeaders, type Headers } from "./kept-headers.ts";
import { closedByAnother, culpritOf, refusalOf } from "./send-refusals.ts";

/** How long the server may confirm nothing while it owes it, in milliseconds. */
const CONFIRM_MS = 10_000;
/** How long a send waits for a server that takes no messages now, in milliseconds. */
const BLOCKED_MS = 5_000;

/** A call to publish, which settles as one. */
interface Call {
  readonly items: readonly Outgoing[];
  left: number;
  returned: Outgoing | undefined;
  failure: Error | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What was sent and not confirmed yet. */
interface InFlight {
  readonly item: Outgoing;
  readonly call: Call;
  isReturned: boolean;
}

/** Sends, and resolves once the server has taken responsibility: every message is confirmed, and none comes back as unroutable. */
export class AmqpPublisher {
  readonly #link: AmqpLink;
  readonly #clock: Clock;
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;
  #calls = 0;
  #onIdle: (() => void)[] = [];

  constructor(link: AmqpLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /**
   * Rejects with UnroutableError when one of them would reach no queue, the others being published, and with BrokerUnavailableError; what was sent by then may have
   * been published. Sends nothing once `until` is over.
   */
  publish(items: readonly Outgoing[], until: Abortable = {}): Promise<void> {
    if (items.length === 0) return Promise.resolve();
    const session = this.#session;
    if (session?.isOpen === true) return this.#send(session, items);
    return this.#open().then((opened) => (isOver(until) ? undefined : this.#send(opened, items)));
  }

  /** Resolves once nothing is under way. */
  idle(): Promise<void> {
    if (this.#calls === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #send(session: Session, items: readonly Outgoing[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#calls += 1;
      const done = (): void => {
        this.#calls -= 1;
        if (this.#calls === 0) for (const each of this.#onIdle.splice(0)) each();
      };
      const call: Call = {
        items,
        left: items.length,
        returned: undefined,
        failure: undefined,
        resolve: () => {
          done();
          resolve();
        },
        reject: (error) => {
          done();
          reject(this.#link.explained(error));
        },
      };
      session.send(call);
    });
  }

  /** Waits a while for a server that takes no messages now. */
  async #open(): Promise<Session> {
    const connection = await this.#link.connect();
    if (connection.blocked !== undefined) await this.#unblocked(connection, connection.blocked);
    if (this.#session?.isOpen === true) return this.#session;
    this.#opening ??= this.#openSession(connection).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #openSession(connection: AmqpConnection): Promise<Session> {
    try {
      const channel = await connection.openConfirmChannel();
      return (this.#session = new Session(connection, channel, this.#clock));
    } catch (error) {
      throw this.#link.explained(error);
    }
  }

  async #unblocked(connection: AmqpConnection, reason: string): Promise<void> {
    const { promise, resolve, reject } = deferred();
    using _ = connection.onBlocked((still) => {
      if (still === undefined) resolve();
    });
    using __ = connection.onLost(() => reject(this.#link.explained(connection.loss)));
    const detail = `it takes no messages now (${reason}); nothing was published.`;
    const late = (): void => reject(this.#link.explained(new UnusableError(detail)));
    const stopTimer = startTimer(this.#clock, BLOCKED_MS, late);
    await promise.finally(stopTimer);
  }
}

/** One confirm channel, from its opening to its end. */
class Session {
  readonly #connection: AmqpConnection;
  readonly #channel: AmqpConfirmChannel;
  readonly #raw: ConfirmChannel;
  readonly #clock: Clock;
  readonly #headers = new KeptHeaders();
  readonly #inFlight = new Set<InFlight>();
  #lastHeardAt = 0;
  #stopWatching: (() => void) | undefined;

  constructor(connection: AmqpConnection, channel: AmqpConfirmChannel, clock: Clock) {
    this.#connection = connection;
    this.#channel = channel;
    this.#raw = channel.raw;
    this.#clock = clock;
    channel.raw.on("return", (message: AmqpDelivered) => this.#return(message));
    channel.onClosed((reason) => this.#fail(reason));
  }

  get isOpen(): boolean {
    return this.#channel.closed === undefined && this.#connection.blocked === undefined;
  }

  /** What cannot be written fails its call alone. */
  send(call: Call): void {
    if (this.#inFlight.size === 0) this.#watch();
    for (const item of call.items) {
      const flight: InFlight = { item, call, isReturned: false };
      const { exchange, routingKey, content } = item;
      const properties = {
        ...item.properties,
        headers: this.#headers.of(item.properties.headers as Headers | undefined),
      };
      try {
        this.#raw.publish(exchange, routingKey, content, properties, (error: unknown) => this.#confirm(flight, error));
        this.#inFlight.add(flight);
      } catch (error) {
        this.#settle(call, this.#channel.closed ?? error);
      }
    }
    if (this.#inFlight.size === 0) this.#unwatch();
  }

  #confirm(flight: InFlight, error: unknown): void {
    // The end of the channel, of which its listener knows more.
    if (error !== null && (error as Error).message !== "message nacked") return;
    if (!this.#inFlight.delete(flight)) return;
    this.#lastHeardAt = uptimeOf(this.#clock);
    if (this.#inFlight.size === 0) this.#unwatch();
    if (error === null) this.#settle(flight.call);
    else this.#settle(flight.call, new UnusableError(NACKED));
  }

  #settle(call: Call, failure?: unknown): void {
    call.left -= 1;
    if (failure !== undefined) call.failure ??= failure as Error;
    if (call.left > 0) return;
    if (call.failure !== undefined) call.reject(call.failure);
    else if (call.returned !== undefined) call.reject(unroutable(call.returned));
    else call.resolve();
  }

  /** It comes back before it is confirmed. Of several that are equal any will do. */
  #return({ fields, properties, content }: AmqpDelivered): void {
    const { exchange, routingKey } = fields;
    for (const flight of this.#inFlight) {
      const { item } = flight;
      if (flight.isReturned || item.exchange !== exchange || item.routingKey !== routingKey) continue;
      if (item.properties.correlationId !== (properties.correlationId as unknown) || !item.content.equals(content))
        continue;
      flight.isReturned = true;
      flight.call.returned ??= item;
      return;
    }
  }

  #fail(reason: Error): void {
    this.#unwatch();
    const flights = [...this.#inFlight];
    this.#inFlight.clear();
    const refused = reason instanceof AmqpReplyError ? refusedCalls(flights, reason) : new Map<Call, Error>();
    const others = reason instanceof AmqpReplyError ? closedByAnother(reason) : reason;
    for (const { call } of flights) this.#settle(call, refused.get(call) ?? others);
  }

  #watch(): void {
    this.#lastHeardAt = uptimeOf(this.#clock);
    this.#stopWatching = startTimer(this.#clock, CONFIRM_MS, () => this.#look());
  }

  #unwatch(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  /** A server that is blocked owes nothing until it says so. */
  #look(): void {
    const leftMs = this.#lastHeardAt + CONFIRM_MS - uptimeOf(this.#clock);
    if (leftMs <= 0 && this.#connection.blocked === undefined) {
      this.#connection.lose(
        new UnusableError(`it confirmed nothing for ${CONFIRM_MS / 1_000} s; what was sent may have been published.`),
      );
    } else {
      this.#stopWatching = startTimer(this.#clock, Math.max(leftMs, 1_000), () => this.#look());
    }
  }
}

const NACKED = "it refused a message: the queue is full, or cannot be written.";

/** What the server refuses closes the channel of all: those whose it was are told so. Who was alone with it is to blame for whatever it says. */
function refusedCalls(flights: readonly InFlight[], reason: AmqpReplyError): ReadonlyMap<Call, Error> {
  const isAlone = new Set(flights.map(({ call }) => call)).size === 1;
  const isCulprit = culpritOf(reason) ?? (() => isAlone);
  const refused = flights.filter(({ item }) => isCulprit(item));
  return new Map(refused.map(({ call, item }) => [call, refusalOf(reason, item)]));
}

function unroutable({ exchange, routingKey }: Outgoing): UnroutableError {
  return new UnroutableError(exchange, routingKey);
}

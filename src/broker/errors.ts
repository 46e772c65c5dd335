import { CeleriacError } from "../util/errors.ts";

/** The broker cannot be reached or does not answer. Nothing was published unless the message says so. */
export class BrokerUnavailableError extends CeleriacError {
  readonly code = "CELERIAC_BROKER_UNAVAILABLE";
  /** The broker's URL, without its secrets. */
  readonly url: string;
  /** Whether it may come back by itself. False where that is not known, or somebody has to change something, as with a wrong password. */
  readonly mayComeBack: boolean;
  constructor(url: string, detail: string, options: { readonly cause?: unknown; readonly mayComeBack?: boolean } = {}) {
    super(`The broker ${url} is not available: ${detail}`, options);
    this.url = url;
    this.mayComeBack = options.mayComeBack ?? false;
  }
}

/** No queue would get the message; nothing was published. */
export class UnroutableError extends CeleriacError {
  readonly code = "CELERIAC_UNROUTABLE";
  readonly exchange: string;
  readonly routingKey: string;
  constructor(exchange: string, routingKey: string) {
    super(
      exchange === ""
        ? `There is no queue "${routingKey}", so the message was not sent. Declare it in taskQueues.`
        : `No queue is bound to exchange "${exchange}" for routing key "${routingKey}", so the message was not sent. Declare a binding in taskQueues.`,
    );
    this.exchange = exchange;
    this.routingKey = routingKey;
  }
}

/** The broker does not carry bodies of this size; nothing was published. */
export class MessageTooLargeError extends CeleriacError {
  readonly code = "CELERIAC_MESSAGE_TOO_LARGE";
  readonly bytes: number;
  readonly maxBytes: number;
  constructor(bytes: number, maxBytes: number) {
    super(
      `A message body of ${bytes} bytes was not sent: the broker takes at most ${maxBytes}. Store the data elsewhere and send a reference to it.`,
    );
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/** A delivery was settled too late: its lease ran out and the message went to another consumer, or will. */
export class DeliveryLostError extends CeleriacError {
  readonly code = "CELERIAC_DELIVERY_LOST";
  readonly queue: string;
  constructor(queue: string) {
    super(`The broker took a delivery from "${queue}" back before it was settled; it will be delivered again.`);
    this.queue = queue;
  }
}

/** A key that was held is held no longer: its claim ran out, since nobody could renew it, and it is or may be another's. */
export class KeyLostError extends CeleriacError {
  readonly code = "CELERIAC_KEY_LOST";
  readonly key: string;
  constructor(key: string) {
    super(`The key "${key}" was lost: its claim ran out before it was renewed, and another may hold it now.`);
    this.key = key;
  }
}

/** A declaration contradicts what the broker already has. AMQP: PRECONDITION_FAILED. */
export class TopologyMismatchError extends CeleriacError {
  readonly code = "CELERIAC_TOPOLOGY_MISMATCH";
  constructor(what: string, existing: string, declared: string) {
    super(
      `${what} already exists as ${existing} and cannot be declared as ${declared}. Remove it first, or use another name.`,
    );
  }
}

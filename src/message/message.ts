/** One message as it crosses the wire: bytes, plus the AMQP properties that every broker must carry unchanged. */
export interface Message {
  readonly body: Uint8Array;
  /** MIME type of the body once decompressed: `application/json`. */
  readonly contentType: string;
  /** `utf-8`, or `binary`. */
  readonly contentEncoding: string;
  /** Plain JSON values; Celery keeps a task's metadata here (protocol 2). */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: MessageProperties;
}

export interface MessageProperties {
  /** The task id. */
  readonly correlationId?: string;
  /** Queue for the reply; Celery: the producer's oid, a UUID. */
  readonly replyTo?: string;
  /** 0 to 9, carried as given. Which end is served first is the broker's affair: `BrokerFeatures.priorityOrder`. */
  readonly priority?: number;
  /** AMQP delivery mode: 1 transient, 2 persistent. */
  readonly deliveryMode?: 1 | 2;
  /** Name of the program that sent it. AMQP's `app-id`. */
  readonly appId?: string;
  /** How long the message is worth delivering, in milliseconds. AMQP's `expiration`, a string on the wire. */
  readonly expirationMs?: number;
}

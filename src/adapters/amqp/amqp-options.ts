export interface AmqpOptions {
  /**
   * `amqp://`, `amqps://` or `pyamqp://`, as Celery writes them. Several nodes of one cluster are separated by semicolons, or a list; of these one
   * is used at a time, the next when it fails.
   */
  readonly url: string | readonly string[];
  /** Switches TLS on, and comes before what the URL says of certificates. @default what the URL says */
  readonly tls?: AmqpTlsOptions;
  /**
   * How often each side tells the other that it is alive, in milliseconds, in whole seconds: of two that are missed the connection is given up. Celery:
   * `broker_heartbeat`. @default what the URL says, else half of the lease timeout, else 10_000
   */
  readonly heartbeatMs?: number;
  /** Whether results on their way to who asked survive a restart of the server. Celery: `result_persistent`. @default false */
  readonly resultPersistent?: boolean;
  /**
   * What kind of queue is declared: `quorum` is kept on several nodes. Queues that are there already are taken as they are unless this names another type. Celery:
   * `task_default_queue_type`. @default the virtual host's, which is classic unless changed
   */
  readonly queueType?: "classic" | "quorum";
  /**
   * The highest priority that classic queues are declared with, at most 255. Without it RabbitMQ carries priorities and does not look at them. Every declaration of the
   * queue must say the same, Python's too. Celery: `task_queue_max_priority`. @default none
   */
  readonly maxPriority?: number;
  /**
   * The server's `consumer_timeout` in milliseconds, at least 1000: what is held for longer it takes back, so that the worker sends it to itself anew before. AMQP does not
   * tell it; where it is shorter than this, the first loss does. @default 1_800_000, RabbitMQ's own
   */
  readonly consumerTimeoutMs?: number;
  /** The name of the queue that keeps dead letters. RabbitMQ's own may be routed into it by a policy. @default "celeriac.dead-letters" */
  readonly deadLetterQueue?: string;
}

/** As Node's `tls.connect` takes them. */
export interface AmqpTlsOptions {
  /** PEM: whom to trust. @default Node's own list */
  readonly ca?: string | Buffer;
  /** PEM: this client's certificate, and its key. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  /** The name that the server's certificate must have. @default the host */
  readonly servername?: string;
  /** Whether the server's certificate is checked. @default true */
  readonly rejectUnauthorized?: boolean;
}

export interface RedisOptions {
  /** `redis://`, `rediss://`, `redis+socket://`, `unix://` or `sentinel://`, as Celery writes them. */
  readonly url: string;
  /** Of a `sentinel://` URL: what the sentinels call the master. @default the URL's `master_name` */
  readonly masterName?: string;
  /** As whom to enter the sentinels themselves. @default without a log-in */
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** Switches TLS on, and comes before what the URL says of certificates. @default what the URL says */
  readonly tls?: RedisTlsOptions;
  /** Before the name of every key and channel. Celery: `global_keyprefix` of `broker_transport_options`. @default none */
  readonly globalKeyprefix?: string;
  /** The same for results. Celery: `global_keyprefix` of `result_backend_transport_options`. @default none */
  readonly resultKeyprefix?: string;
}

/** As Node's `tls.connect` takes them. Copied to the thread that renews leases: values only. */
export interface RedisTlsOptions {
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

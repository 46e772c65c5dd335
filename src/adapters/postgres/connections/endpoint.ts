import type { PostgresTlsOptions } from "../postgres-options.ts";
import type { PostgresAddress } from "./postgres-url.ts";

/** Where a Postgres is, and how to enter it. Values only: a thread gets a copy. */
export interface Endpoint {
  readonly address: PostgresAddress;
  /** Comes before what the URL says. */
  readonly tls: PostgresTlsOptions | undefined;
}

/** What the thread that renews runs for claims that are held in a Postgres: a connection of its own. */
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { parseClaim } from "../../broker/leases/claim-receipt.ts";
import type { OpenRenewer, Renewer } from "../../broker/leases/renewer.ts";
import { systemClock } from "../../util/clock.ts";
import { renewClaims } from "./claims.ts";
import { Pool } from "./connections/pool.ts";
import type { RenewerData } from "./renewer-source.ts";
import { identifier } from "./connections/identifier.ts";

export const openRenewer: OpenRenewer = (data) => new PostgresRenewer(data as RenewerData);

class PostgresRenewer implements Renewer {
  readonly #pool: Pool;
  readonly #schema: string;

  constructor({ url, endpoint }: RenewerData) {
    this.#schema = identifier(endpoint.address.schema);
    this.#pool = new Pool({
      endpoint,
      clock: systemClock,
      maxConnections: 1,
      // Whoever made the claims has done so.
      prepare: () => Promise.resolve(),
      unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
    });
  }

  async renew(receipts: readonly string[], ms: number): Promise<readonly string[]> {
    const isHeld = await renewClaims(this.#pool, this.#schema, receipts.map(parseClaim), ms);
    return receipts.filter((_, index) => isHeld[index] === false);
  }

  async close(): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}

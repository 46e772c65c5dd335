/** What the thread that renews runs for the claims in a Redis: a connection of its own. */
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { parseClaim } from "../../broker/leases/claim-receipt.ts";
import type { OpenRenewer, Renewer } from "../../broker/leases/renewer.ts";
import { systemClock } from "../../util/clock.ts";
import { silentLogger } from "../../util/logger.ts";
import { ClaimKeys, renewClaims } from "./claims.ts";
import type { RedisConnections } from "./connections/redis-link.ts";
import { SupervisedConnections } from "./connections/supervised-connections.ts";
import type { RenewerData } from "./renewer-source.ts";

export const openRenewer: OpenRenewer = (data) => new ClaimRenewer(data as RenewerData);

class ClaimRenewer implements Renewer {
  readonly #connections: RedisConnections;
  readonly #keys: ClaimKeys;

  constructor({ url, endpoint, keyPrefix }: RenewerData) {
    this.#keys = new ClaimKeys(keyPrefix);
    this.#connections = new SupervisedConnections({
      url,
      endpoint,
      clock: systemClock,
      log: silentLogger,
      unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
    });
  }

  async renew(receipts: readonly string[], ms: number): Promise<readonly string[]> {
    const isHeld = await renewClaims(this.#connections.commands, this.#keys, receipts.map(parseClaim), ms);
    return receipts.filter((_, index) => isHeld[index] === false);
  }

  async close(): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }
}

/** What the thread that renews runs for what is held in a Redis: a connection of its own. */
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { parseClaim } from "../../broker/leases/claim-receipt.ts";
import type { OpenRenewer, Renewer } from "../../broker/leases/renewer.ts";
import { systemClock } from "../../util/clock.ts";
import { silentLogger } from "../../util/logger.ts";
import { ClaimKeys, renewClaims } from "./claims.ts";
import type { RedisConnections, RedisLink } from "./connections/redis-link.ts";
import { SupervisedConnections } from "./connections/supervised-connections.ts";
import type { RenewerData } from "./renewer-source.ts";
import { StoreKeys } from "./store/keys.ts";
import { renew as renewLeases } from "./store/settle.ts";

export const openRenewer: OpenRenewer = (data) => {
  const { renews, keyPrefix, ...place } = data as RenewerData;
  return new RedisRenewer(place, renews === "leases" ? ofLeases(keyPrefix) : ofClaims(keyPrefix));
};

/** Renews, and returns the receipts that were no longer held. */
type Renew = (link: RedisLink, receipts: readonly string[], ms: number) => Promise<readonly string[]>;

function ofLeases(keyPrefix: string): Renew {
  const keys = new StoreKeys(keyPrefix);
  return (link, receipts, ms) => renewLeases(link, keys, receipts, ms);
}

function ofClaims(keyPrefix: string): Renew {
  const keys = new ClaimKeys(keyPrefix);
  return async (link, receipts, ms) => {
    const isHeld = await renewClaims(link, keys, receipts.map(parseClaim), ms);
    return receipts.filter((_, index) => isHeld[index] === false);
  };
}

class RedisRenewer implements Renewer {
  readonly #connections: RedisConnections;
  readonly #renew: Renew;

  constructor({ url, endpoint }: Pick<RenewerData, "url" | "endpoint">, renew: Renew) {
    this.#renew = renew;
    this.#connections = new SupervisedConnections({
      url,
      endpoint,
      clock: systemClock,
      log: silentLogger,
      unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
    });
  }

  renew(receipts: readonly string[], ms: number): Promise<readonly string[]> {
    return this.#renew(this.#connections.commands, receipts, ms);
  }

  async close(): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }
}

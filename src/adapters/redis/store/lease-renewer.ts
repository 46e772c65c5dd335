/** What the thread that renews runs for the leases in a Redis: a connection of its own. */
import { BrokerUnavailableError } from "../../../broker/errors.ts";
import type { OpenRenewer, Renewer } from "../../../broker/leases/renewer.ts";
import { systemClock } from "../../../util/clock.ts";
import { silentLogger } from "../../../util/logger.ts";
import type { RedisConnections } from "../connections/redis-link.ts";
import { SupervisedConnections } from "../connections/supervised-connections.ts";
import type { RenewerData } from "../renewer-source.ts";
import { StoreKeys } from "./keys.ts";
import { renew } from "./settle.ts";

export const openRenewer: OpenRenewer = (data) => new LeaseRenewer(data as RenewerData);

class LeaseRenewer implements Renewer {
  readonly #connections: RedisConnections;
  readonly #keys: StoreKeys;

  constructor({ url, endpoint, keyPrefix }: RenewerData) {
    this.#keys = new StoreKeys(keyPrefix);
    this.#connections = new SupervisedConnections({
      url,
      endpoint,
      clock: systemClock,
      log: silentLogger,
      unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
    });
  }

  renew(receipts: readonly string[], ms: number): Promise<readonly string[]> {
    return renew(this.#connections.commands, this.#keys, receipts, ms);
  }

  async close(): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }
}

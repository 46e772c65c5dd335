import { resolve } from "node:path";
import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { QueuedBroker } from "../../broker/queued/queued-broker.ts";
import type { Clock } from "../../util/clock.ts";
import type { Adapter } from "../adapter.ts";
import { broadcasterSource } from "./broadcaster-source.ts";
import { Database } from "./database.ts";
import { SqliteBackend } from "./sqlite-backend.ts";
import { SqliteBroadcaster } from "./sqlite-broadcaster.ts";
import { SqliteKeyStore } from "./sqlite-keys.ts";
import { SqliteStore } from "./sqlite-store.ts";

export interface SqliteOptions {
  /** The database file, made when it is missing; its directory must exist. Relative paths start at the working directory. */
  readonly path: string;
  /**
   * What sends and results survive: `full` a power loss, `normal` only a crash of the process, and then several times as many can be sent
   * one after the other. Nothing is ever undone halfway. SQLite: `PRAGMA synchronous`. @default "full"
   */
  readonly synchronous?: "full" | "normal";
}

/** Broker, results and keys in one file, for any number of processes of one machine. No server, and nothing lost when the power goes. */
export function sqlite({ path: file, synchronous = "full" }: SqliteOptions): Adapter {
  const path = resolve(file);
  const durable = synchronous === "full" ? "durable" : "crash-safe";
  const url = `sqlite:${file}`;
  const brokerDatabase = (clock: Clock): Database =>
    new Database({
      path,
      clock,
      durable,
      unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
    });
  const resultDatabase = (clock: Clock): Database =>
    new Database({
      path,
      clock,
      durable,
      unavailable: (detail, options) => new ResultBackendUnavailableError(url, detail, options),
    });
  return {
    url,
    createBroker: ({ clock, log, leaseMs }) => {
      const database = brokerDatabase(clock);
      const store = new SqliteStore({ url, database });
      const broadcaster = new SqliteBroadcaster(database.sibling(), broadcasterSource({ path, url }));
      return new QueuedBroker({ store, broadcaster, clock, log, leaseMs });
    },
    createResultBackend: ({ clock, log, resultExpiresMs }) =>
      new SqliteBackend({ database: resultDatabase(clock), resultExpiresMs, log }),
    createKeyStore: ({ clock }) => new SqliteKeyStore(brokerDatabase(clock)),
  };
}

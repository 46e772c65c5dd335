import { it } from "vitest";
import { Database } from "../../src/adapters/sqlite/database.ts";
import { sqlite } from "../../src/adapters/sqlite/index.ts";
import { SqliteBroadcaster } from "../../src/adapters/sqlite/sqlite-broadcaster.ts";
import { SqliteStore } from "../../src/adapters/sqlite/sqlite-store.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { QueuedBroker } from "../../src/broker/queued/queued-broker.ts";
import { exerciseBroadcaster } from "../../src/testing/conformance/exercise-broadcaster.ts";
import { exerciseBroker } from "../../src/testing/conformance/exercise-broker.ts";
import { exerciseKeyStore } from "../../src/testing/conformance/exercise-key-store.ts";
import { exerciseResultBackend } from "../../src/testing/conformance/exercise-result-backend.ts";
import { StallableClock } from "../../src/testing/stallable-clock.ts";
import { systemClock, type Clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

/** Longer than usual: the tests of this file run side by side, in one process, so each may have to wait for the others. */
const LEASE_MS = 1_500;

/** Users with the same clock share one connection, as in one process; each with its own clock has its own, as in another. */
const CLOCKS: Readonly<Record<string, () => Clock>> = {
  "one connection": () => systemClock,
  "a connection each": () => new StallableClock(systemClock),
};

for (const [name, clockOf] of Object.entries(CLOCKS)) {
  exerciseBroker(`sqlite, ${name}`, {
    test: it.concurrent,
    leaseMs: LEASE_MS,
    open: async ({ leaseMs }) => {
      const file = await sqliteFile();
      const open = (clock: Clock = systemClock): QueuedBroker =>
        new QueuedBroker({ store: new SqliteStore(openDatabase(file.path, clockOf())), clock, log, leaseMs });
      const stallable = new StallableClock(systemClock);
      return {
        broker: open(stallable),
        second: async () => open(),
        stall: () => stallable.stall(),
        resume: () => stallable.resume(),
        dispose: async () => file[Symbol.asyncDispose](),
      };
    },
  });

  exerciseBroadcaster(`sqlite, ${name}`, {
    test: it.concurrent,
    open: async () => {
      const file = await sqliteFile();
      const databases: Database[] = [];
      const open = (): SqliteBroadcaster => {
        const { database } = openDatabase(file.path, clockOf());
        databases.push(database);
        return new SqliteBroadcaster(database);
      };
      return {
        broadcaster: open(),
        second: async () => open(),
        dispose: async () => {
          for (const database of databases) await database[Symbol.asyncDispose]();
          await file[Symbol.asyncDispose]();
        },
      };
    },
  });

  exerciseResultBackend(`sqlite results, ${name}`, {
    test: it.concurrent,
    createPlace: async () => {
      const file = await sqliteFile();
      const createBackend = ({ resultExpiresMs }: { readonly resultExpiresMs: number }) =>
        present(sqlite(file).createResultBackend)({ clock: clockOf(), log, resultExpiresMs });
      return { createBackend, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
    },
  });

  exerciseKeyStore(`sqlite keys, ${name}`, {
    test: it.concurrent,
    createPlace: async () => {
      const file = await sqliteFile();
      const createKeyStore = () => present(sqlite(file).createKeyStore)({ clock: clockOf(), log });
      return { createKeyStore, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
    },
  });
}

function openDatabase(path: string, clock: Clock): { readonly url: string; readonly database: Database } {
  const url = `sqlite:${path}`;
  const database = new Database({
    path,
    clock,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
  return { url, database };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("absent");
  return value;
}

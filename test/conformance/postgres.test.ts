import { postgres } from "../../src/adapters/postgres/index.ts";
import { exerciseKeyStore } from "../../src/testing/conformance/exercise-key-store.ts";
import { exerciseResultBackend } from "../../src/testing/conformance/exercise-result-backend.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { postgresPlace } from "../support/postgres-places.ts";
import { it } from "../support/with-postgres.ts";

/** Of each backend and key store: a server has a hundred for all tests. */
const MAX_CONNECTIONS = 2;

exerciseResultBackend("postgres results", {
  test: it.concurrent,
  createPlace: async () => {
    const place = postgresPlace();
    const createBackend = ({ resultExpiresMs }: { readonly resultExpiresMs: number }) =>
      present(postgres({ ...place, maxConnections: MAX_CONNECTIONS }).createResultBackend)({
        clock: systemClock,
        log,
        resultExpiresMs,
      });
    return { createBackend, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
  },
});

exerciseKeyStore("postgres keys", {
  test: it.concurrent,
  createPlace: async () => {
    const place = postgresPlace();
    const createKeyStore = () =>
      present(postgres({ ...place, maxConnections: MAX_CONNECTIONS }).createKeyStore)({ clock: systemClock, log });
    return { createKeyStore, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
  },
});

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("absent");
  return value;
}

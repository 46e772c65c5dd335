import type { Scenario, Suite } from "../suite.ts";
import { celeriacOnPostgres } from "./celeriac.ts";
import { rawPg, rawPgTogether } from "./raw-pg.ts";
import { startPostgres } from "./server.ts";

/** Results alone, as it carries no messages: beside what the same library can do with the same rows. */
export const postgresSuite: Suite = {
  name: "postgres",
  startServer: startPostgres,
  contenders: [rawPg, celeriacOnPostgres, rawPgTogether],
  scenarios: (quick) => [
    store(quick ? 200 : 20_000, 100),
    store(quick ? 200 : 20_000, 1_000),
    {
      name: "read, 100 in a question",
      kind: "fetch",
      load: { count: quick ? 200 : 50_000, size: 100 },
      units: { rate: "/s" },
    },
    {
      name: "store to told",
      kind: "told",
      load: { samples: quick ? 3 : 200 },
      units: { p50: "ms", p95: "ms", p99: "ms" },
    },
  ],
};

function store(count: number, inFlight: number): Scenario {
  return { name: `store, ${inFlight} in flight`, kind: "store", load: { count, inFlight }, units: { rate: "/s" } };
}

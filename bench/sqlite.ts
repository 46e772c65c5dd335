import { drain, idleLatency, send, sendBatches } from "./celeriac.ts";
import { rawDrain, rawIdleLatency, rawSend } from "./raw-sqlite.ts";
import type { Scenario } from "./scenario.ts";

/** How much is measured. The counts of tasks are multiples of 100. */
export interface Extent {
  readonly sends: number;
  /** Sent one after the other. */
  readonly singleSends: number;
  readonly drained: number;
  readonly latencies: number;
}

/** For figures. */
export const FULL: Extent = { sends: 20_000, singleSends: 2_000, drained: 20_000, latencies: 200 };
/** Shows in some seconds that everything here still runs. */
export const QUICK: Extent = { sends: 200, singleSends: 10, drained: 200, latencies: 5 };

const CONCURRENCY = 100;
const BATCH = 100;

export function sqliteScenarios({ sends, singleSends, drained, latencies }: Extent): readonly Scenario[] {
  return [
    sendScenario(singleSends, 1),
    sendScenario(sends, 10),
    sendScenario(sends, 100),
    {
      name: `send, batches of ${String(BATCH)}`,
      unit: "per second",
      contenders: [
        {
          name: `raw SQLite, ${String(BATCH)} a transaction`,
          measure: (directory) => rawSend(directory, sends, BATCH),
        },
        { name: "Celeriac", measure: (directory) => sendBatches(directory, sends, BATCH) },
      ],
    },
    {
      name: `drain ${String(drained)} with results, ${String(CONCURRENCY)} at once`,
      unit: "per second",
      contenders: [
        {
          name: `raw SQLite, ${String(CONCURRENCY)} a transaction`,
          measure: (directory) => rawDrain(directory, drained, CONCURRENCY),
        },
        { name: "Celeriac", measure: (directory) => drain(directory, drained, CONCURRENCY) },
      ],
    },
    ...([0.5, 0.95, 0.99] as const).map((q): Scenario => ({
      name: `idle latency between processes, p${String(q * 100)}`,
      unit: "ms",
      contenders: [
        { name: "raw SQLite, polled without a pause", measure: (directory) => rawIdleLatency(directory, latencies, q) },
        { name: "Celeriac", measure: (directory) => idleLatency(directory, latencies, q) },
      ],
    })),
  ];
}

function sendScenario(count: number, width: number): Scenario {
  return {
    name: `send, ${String(width)} in flight, each durable`,
    unit: "per second",
    contenders: [
      { name: `raw SQLite, ${String(width)} a transaction`, measure: (directory) => rawSend(directory, count, width) },
      { name: "Celeriac", measure: (directory) => send(directory, count, width) },
    ],
  };
}

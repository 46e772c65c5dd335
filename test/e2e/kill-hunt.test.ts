import { expect, it } from "vitest";
import { hunt } from "../../chaos/hunt.ts";

/** How long it is shot; the last lease of a killed worker ends 20 s later. */
const SECONDS = 10;
const TIMEOUT_MS = 150_000;

it(
  "workers and producers that are killed, frozen and stopped at random lose nothing and repeat nothing without need",
  { timeout: TIMEOUT_MS },
  async ({ onTestFailed }) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    process.stdout.write(`kill hunt: seed ${seed}\n`);
    const load = { workers: 3, concurrency: 8, producers: 2, callsPerSecond: 30 };
    const report = await hunt({ seed, seconds: SECONDS, pool: "inline", shotsPerSecond: 3, longFreezes: 0, ...load });
    onTestFailed(() => {
      process.stdout.write(`kill hunt: seed ${seed}; its remains are in ${report.directory}\n`);
    });
    process.stdout.write(`${JSON.stringify(report.counts)}\n`);
    expect(report.broken).toEqual([]);
    expect(report.counts["calls sent"]).toBeGreaterThan(100);
    expect(report.counts["shots"], "shots").toBeGreaterThan(SECONDS);
  },
);

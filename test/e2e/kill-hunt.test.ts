import { expect, it } from "vitest";
import { hunt, type HuntOptions } from "../../chaos/hunt.ts";
import { NEWEST_CELERY, pythonOf } from "../support/python.ts";
import { HAS_REDIS } from "../support/redis.ts";

/** How long it is shot. */
const SECONDS = 10;
/** The last lease of a killed worker ends 20 s after the last shot. */
const TIMEOUT_MS = 150_000;

const PYTHON = pythonOf(NEWEST_CELERY);

const USUAL = {
  seconds: SECONDS,
  pool: "inline",
  workers: 3,
  concurrency: 8,
  celery: undefined,
  producers: 2,
  shotsPerSecond: 3,
  callsPerSecond: 30,
  longFreezes: 0,
  shootsBroker: false,
  cutsConnections: false,
  findsLeaks: false,
} as const;

it(
  "workers and producers that are killed, frozen and stopped at random lose nothing and repeat nothing without need",
  { timeout: TIMEOUT_MS },
  async () => {
    const counts = await countsOf({ ...USUAL, place: "sqlite", seed: Math.floor(Math.random() * 2 ** 32) });
    expect(counts["calls sent"]).toBeGreaterThan(100);
    expect(counts["shots"], "shots").toBeGreaterThan(SECONDS);
  },
);

it.skipIf(!HAS_REDIS)(
  "neither do they on a Redis that is killed and frozen itself, where nothing is left of them at last",
  { timeout: TIMEOUT_MS },
  async () => {
    const shots = { shotsPerSecond: 2, shootsBroker: true, seed: 114 };
    const counts = await countsOf({ ...USUAL, ...shots, place: "redis", findsLeaks: true });
    expect(counts["calls sent"]).toBeGreaterThan(100);
    expect(counts["SIGKILL at a broker"], "kills of the broker").toBeGreaterThan(0);
    expect(counts["SIGSTOP at a broker"], "freezes of the broker").toBeGreaterThan(0);
  },
);

it.skipIf(!HAS_REDIS || PYTHON === "")(
  "neither do they on one queue with Celery's own workers, whose visibility timeout is shorter than the tasks",
  { timeout: TIMEOUT_MS },
  async () => {
    const fleet = { workers: 2, celery: { python: PYTHON, workers: 2 }, callsPerSecond: 15 };
    const shots = { shotsPerSecond: 0.8, seed: 16 };
    const counts = await countsOf({ ...USUAL, ...fleet, ...shots, place: "redis", findsLeaks: true });
    expect(counts["calls sent"]).toBeGreaterThan(100);
    expect(counts["runs in Celery's own workers"]).toBeGreaterThan(20);
    expect(counts["SIGKILL at a worker"], "kills of a worker").toBeGreaterThan(0);
    expect(counts["SIGKILL at a python"], "kills of a Python worker").toBeGreaterThan(0);
  },
);

/** What the hunt counted, told; fails when a promise was broken. */
async function countsOf(options: HuntOptions): Promise<Readonly<Record<string, number>>> {
  process.stdout.write(`kill hunt: seed ${options.seed}\n`);
  const { broken, counts, directory } = await hunt(options);
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  expect(broken, `seed ${options.seed}; its remains are in ${directory}`).toEqual([]);
  return counts;
}

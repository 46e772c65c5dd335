import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Celeriac, type CeleriacConfig } from "celeriac";
import { memory } from "celeriac/memory";
import { sqlite } from "celeriac/sqlite";
import { Worker, type WorkerOptions } from "celeriac/worker";
import type { Adapter } from "../../src/adapters/adapter.ts";
import { recordingLogger, type RecordedLine } from "./recording-logger.ts";
import { beside } from "./beside.ts";
import { HAS_POSTGRES } from "./postgres-places.ts";
import { ownPlaceInPostgres } from "./postgres-of-file.ts";
import { HAS_REDIS } from "./redis.ts";
import { ownPlaceInRedis } from "./redis-of-file.ts";

/** Where a test's app keeps its messages and results. */
export interface TestBed extends AsyncDisposable {
  /** An app of its own on the shared broker and backend, as another process would have. */
  app(config?: CeleriacConfig): Celeriac;
  /** A started worker; stopped with the bed. */
  worker(app: Celeriac, options?: WorkerOptions): Promise<Worker>;
  /** What was logged by all apps and workers. */
  readonly log: readonly RecordedLine[];
}

/** Places for messages and results, each made anew; SQLite's is in a directory that is removed with the bed. */
const PLACES = {
  memory: () => memory(),
  sqlite: (directory) => sqlite({ path: join(directory, "test.db") }),
  redis: () => ownPlaceInRedis(),
  "sqlite, with results and keys in postgres": (directory) =>
    beside(sqlite({ path: join(directory, "test.db") }), ownPlaceInPostgres()),
} as const satisfies Readonly<Record<string, (directory: string) => Adapter | Promise<Adapter>>>;

export type TestBedName = keyof typeof PLACES;
export const TEST_BEDS: readonly TestBedName[] = ["memory", "sqlite", ...(HAS_REDIS ? (["redis"] as const) : [])];

/** For what is made of results and keys more than of messages. */
export const RESULT_BEDS: readonly TestBedName[] = [
  ...TEST_BEDS,
  ...(HAS_POSTGRES ? (["sqlite, with results and keys in postgres"] as const) : []),
];

export async function openTestBed(name: TestBedName): Promise<TestBed> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-test-"));
  const adapter = await PLACES[name](directory);
  const workers: Worker[] = [];
  const apps: Celeriac[] = [];
  const { log, lines } = recordingLogger();
  return {
    log: lines,
    app: (config = {}) => {
      const app = new Celeriac({ broker: adapter, resultBackend: adapter, ...config }, { env: {}, log });
      apps.push(app);
      return app;
    },
    worker: async (app, options = {}) => {
      const worker = new Worker(app, { livenessThread: false, ...options });
      workers.push(worker);
      await worker.start();
      return worker;
    },
    [Symbol.asyncDispose]: async () => {
      for (const worker of workers) await worker.stop({ graceMs: 0 });
      for (const app of apps) await app.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A worker with the tasks of Celery's integration tests: see WORKER_COMMAND. */
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import { Redis } from "ioredis";
import { defineSuiteTasks } from "./tasks.ts";

const { TEST_BROKER = "", TEST_BACKEND = "", REDIS_HOST = "127.0.0.1", REDIS_PORT = "6379" } = process.env;
const { CONF_NODENAME = "celeriac@localhost", CONF_CONCURRENCY = "1" } = process.env;
// As Celery's own: what runs is acknowledged.
const config = { resultExtended: true, taskAcksLate: false };
const app = new Celeriac({ broker: TEST_BROKER, resultBackend: TEST_BACKEND, ...config }, { env: {}, log: console });
const redis = new Redis({ host: REDIS_HOST, port: Number(REDIS_PORT) });
defineSuiteTasks(app, redis);
const worker = new Worker(app, { hostname: CONF_NODENAME, concurrency: Number(CONF_CONCURRENCY) });
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void worker.stop({ graceMs: 0 }));
await worker.start();
await worker.finished;
await app.close();
redis.disconnect();

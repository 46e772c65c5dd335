import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { ARGUMENT, type Contender, type DrainLoad, type Figures, type Place, type SendLoad } from "./contender.ts";
import { drainInChild, startWorker } from "./draining.ts";
import { countdown, idleQuantiles, inBatches, inFlight, msUntil, rateOf, warmRateOf } from "./load.ts";
import { startRedis } from "./redis.ts";

const WORKER = "./bullmq-worker.ts";
/** How many are sent in one call where sending is not what is measured. */
const FILL = 500;

/** With its defaults, on a Redis that keeps nothing when its machine goes down: `appendonly no`. */
export const bullmq: Contender = {
  name: "BullMQ",
  measurements: { send, sendBatches, drain, idleLatency, growth, room },
};

async function send(place: Place, { count, inFlight: width }: SendLoad): Promise<Figures> {
  await using stage = await openStage(place);
  const add = (): Promise<unknown> => stage.queue.add("noop", ARGUMENT);
  return { rate: await warmRateOf(count, (some) => inFlight(some, width, add)) };
}

async function sendBatches(place: Place, { count, size }: { count: number; size: number }): Promise<Figures> {
  await using stage = await openStage(place);
  return { rate: await warmRateOf(count, (all) => inBatches(all, size, (some) => addMany(stage.queue, some))) };
}

async function drain(place: Place, { waiting, concurrency, results }: DrainLoad): Promise<Figures> {
  await using stage = await openStage(place);
  await inBatches(waiting, FILL, (some) => addMany(stage.queue, some));
  return await drainInChild(WORKER, { place: String(stage.port), concurrency, count: waiting, results });
}

async function idleLatency(place: Place, { samples }: { samples: number }): Promise<Figures> {
  await using stage = await openStage(place);
  const orders = { place: String(stage.port), concurrency: 10, count: 0, results: "full" } as const;
  await using worker = await startWorker(WORKER, orders);
  await stage.queue.add("noop", ARGUMENT);
  await worker.line();
  return await idleQuantiles(samples, async () => {
    const sentAt = process.hrtime.bigint();
    await stage.queue.add("noop", ARGUMENT);
    return msUntil(await worker.line(), sentAt);
  });
}

async function growth(place: Place, { waiting, drained }: { waiting: number; drained: number }): Promise<Figures> {
  await using stage = await openStage(place);
  await inBatches(waiting, FILL, (some) => addMany(stage.queue, some));
  const sent = await rateOf(drained, () => inFlight(drained, 100, () => stage.queue.add("noop", ARGUMENT)));
  const { tick, over } = countdown(drained);
  const start = process.hrtime.bigint();
  const worker = new Worker("bench", async () => tick(), {
    connection: connectionTo(stage.port),
    concurrency: 100,
    removeOnComplete: { count: 0 },
  });
  await over;
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  await worker.close();
  return { send: sent, drain: drained / seconds };
}

/** Redis keeps it in memory: `used_memory`. */
async function room(place: Place, { waiting }: { waiting: number }): Promise<Figures> {
  await using stage = await openStage(place);
  const empty = await usedMemory(stage.port);
  await inBatches(waiting, FILL, (some) => addMany(stage.queue, some));
  const full = await usedMemory(stage.port);
  const orders = { place: String(stage.port), concurrency: 100, count: waiting, results: "none" } as const;
  await drainInChild(WORKER, orders);
  return { waiting: (full - empty) / waiting, after: (await usedMemory(stage.port)) / 2 ** 20 };
}

interface Stage extends AsyncDisposable {
  readonly port: number;
  readonly queue: Queue;
}

async function openStage({ directory }: Place): Promise<Stage> {
  const redis = await startRedis(directory);
  const queue = new Queue("bench", { connection: connectionTo(redis.port) });
  await queue.waitUntilReady();
  return {
    port: redis.port,
    queue,
    [Symbol.asyncDispose]: async () => {
      await queue.close();
      await redis[Symbol.asyncDispose]();
    },
  };
}

function connectionTo(port: number) {
  return { host: "127.0.0.1", port, maxRetriesPerRequest: null };
}

function addMany(queue: Queue, count: number): Promise<unknown> {
  return queue.addBulk(Array.from({ length: count }, () => ({ name: "noop", data: ARGUMENT })));
}

async function usedMemory(port: number): Promise<number> {
  const redis = new Redis(port, "127.0.0.1");
  const info = await redis.info("memory");
  redis.disconnect();
  return Number(/used_memory:(\d+)/.exec(info)?.[1] ?? NaN);
}

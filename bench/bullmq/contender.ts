import { Queue, Worker } from "bullmq";
import {
  ARGUMENT,
  type Contender,
  type DelayedLoad,
  type DrainLoad,
  type Figures,
  type Loads,
  type Place,
  type SendBatchesLoad,
  type SendLoad,
} from "../contender.ts";
import { doWhenDue, drainInChild, startWorker } from "../draining.ts";
import { countdown, idleQuantiles, inBatches, inFlight, msUntil, rateOf, warmUp } from "../load.ts";
import { lacksRedis, portOf, tallied, usedMemory } from "../redis/server.ts";

const WORKER = "./bullmq/worker.ts";
/** How many are sent in one call where sending is not what is measured. */
const FILL = 500;

/** With its defaults; where no results are kept, with `removeOnComplete`. */
export const bullmq: Contender = {
  name: "BullMQ",
  lacks: lacksRedis,
  measurements: { send, sendBatches, drain, idleLatency, growth, room, delayed },
};

async function send(place: Place, { count, inFlight: width }: SendLoad): Promise<Figures> {
  await using stage = await openStage(place);
  return await stage.warmRate(count, (some) => inFlight(some, width, () => stage.queue.add("noop", ARGUMENT)));
}

async function sendBatches(place: Place, { count, size }: SendBatchesLoad): Promise<Figures> {
  await using stage = await openStage(place);
  return await stage.warmRate(count, (all) => inBatches(all, size, (some) => stage.addMany(some)));
}

async function drain(place: Place, { waiting, concurrency, keepsResults }: DrainLoad): Promise<Figures> {
  await using stage = await openStage(place);
  await inBatches(waiting, FILL, (some) => stage.addMany(some));
  const orders = { place: String(stage.port), concurrency, count: waiting, keepsResults };
  return await tallied(stage.port, waiting, () => drainInChild(WORKER, orders));
}

async function idleLatency(place: Place, { samples }: Loads["idleLatency"]): Promise<Figures> {
  await using stage = await openStage(place);
  const orders = { place: String(stage.port), concurrency: 10, count: 0, keepsResults: true };
  await using worker = await startWorker(WORKER, orders);
  await stage.queue.add("noop", ARGUMENT);
  await worker.line();
  return await idleQuantiles(samples, async () => {
    const sentAt = process.hrtime.bigint();
    await stage.queue.add("noop", ARGUMENT);
    return msUntil(await worker.line(), sentAt);
  });
}

async function growth(place: Place, { waiting, drained }: Loads["growth"]): Promise<Figures> {
  await using stage = await openStage(place);
  await inBatches(waiting, FILL, (some) => stage.addMany(some));
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

/** Redis keeps it in memory. */
async function room(place: Place, { waiting }: Loads["room"]): Promise<Figures> {
  await using stage = await openStage(place);
  const empty = await usedMemory(stage.port);
  await inBatches(waiting, FILL, (some) => stage.addMany(some));
  const full = await usedMemory(stage.port);
  const orders = { place: String(stage.port), concurrency: 100, count: waiting, keepsResults: false };
  await drainInChild(WORKER, orders);
  return { waiting: (full - empty) / waiting, after: (await usedMemory(stage.port)) / 2 ** 20 };
}

async function delayed(place: Place, { count, delayMs }: DelayedLoad): Promise<Figures> {
  const due = new Date(Date.now() + delayMs);
  await using stage = await openStage(place);
  const orders = { place: String(stage.port), concurrency: 100, count, keepsResults: false };
  return await doWhenDue(WORKER, orders, due, () =>
    inBatches(count, FILL, (some) => stage.addMany(some, { delay: due.getTime() - Date.now() })),
  );
}

async function openStage(place: Place): Promise<Stage> {
  const stage = new Stage(portOf(place));
  await stage.queue.waitUntilReady();
  return stage;
}

class Stage implements AsyncDisposable {
  readonly port: number;
  readonly queue: Queue;

  constructor(port: number) {
    this.port = port;
    this.queue = new Queue("bench", { connection: connectionTo(port) });
  }

  addMany(count: number, opts: { readonly delay?: number } = {}): Promise<unknown> {
    return this.queue.addBulk(Array.from({ length: count }, () => ({ name: "noop", data: ARGUMENT, opts })));
  }

  async warmRate(count: number, work: (count: number) => Promise<unknown>): Promise<Figures> {
    await warmUp(count, work);
    return tallied(this.port, count, async () => ({ rate: await rateOf(count, () => work(count)) }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.queue.close();
  }
}

function connectionTo(port: number) {
  return { host: "127.0.0.1", port, maxRetriesPerRequest: null };
}

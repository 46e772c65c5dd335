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
import { idleQuantiles, inBatches, inFlight, msUntil, rateOf, warmUp } from "../load.ts";
import { lacksRedis, portOf, tallied } from "../redis/server.ts";
import { openQueue } from "./queue.ts";

const WORKER = "./bee-queue/worker.ts";
/** How many are sent in one call where sending is not what is measured. */
const FILL = 500;

/** As quick as its settings make it: no events where nobody listens; where no results are kept, with `removeOnSuccess`. */
export const beeQueue: Contender = {
  name: "bee-queue",
  lacks: lacksRedis,
  measurements: { send, sendBatches, drain, idleLatency, delayed },
};

async function send(place: Place, { count, inFlight: width }: SendLoad): Promise<Figures> {
  await using stage = await openStage(place);
  return await stage.warmRate(count, (some) => inFlight(some, width, () => stage.save()));
}

async function sendBatches(place: Place, { count, size }: SendBatchesLoad): Promise<Figures> {
  await using stage = await openStage(place);
  return await stage.warmRate(count, (all) => inBatches(all, size, (some) => stage.saveMany(some)));
}

async function drain(place: Place, { waiting, concurrency, keepsResults }: DrainLoad): Promise<Figures> {
  await using stage = await openStage(place);
  await inBatches(waiting, FILL, (some) => stage.saveMany(some));
  const orders = { place: String(stage.port), concurrency, count: waiting, keepsResults };
  return await tallied(stage.port, waiting, () => drainInChild(WORKER, orders));
}

async function idleLatency(place: Place, { samples }: Loads["idleLatency"]): Promise<Figures> {
  await using stage = await openStage(place);
  const orders = { place: String(stage.port), concurrency: 10, count: 0, keepsResults: true };
  await using worker = await startWorker(WORKER, orders);
  await stage.save();
  await worker.line();
  return await idleQuantiles(samples, async () => {
    const sentAt = process.hrtime.bigint();
    await stage.save();
    return msUntil(await worker.line(), sentAt);
  });
}

async function delayed(place: Place, { count, delayMs }: DelayedLoad): Promise<Figures> {
  const due = new Date(Date.now() + delayMs);
  await using stage = await openStage(place);
  const orders = { place: String(stage.port), concurrency: 100, count, keepsResults: false };
  return await doWhenDue(WORKER, orders, due, () => inBatches(count, FILL, (some) => stage.saveMany(some, due)));
}

async function openStage(place: Place): Promise<Stage> {
  const stage = new Stage(portOf(place));
  await stage.queue.ready();
  return stage;
}

class Stage implements AsyncDisposable {
  readonly port: number;
  readonly queue: ReturnType<typeof openQueue>;

  constructor(port: number) {
    this.port = port;
    this.queue = openQueue(port);
  }

  save(): Promise<unknown> {
    return this.queue.createJob(ARGUMENT).save();
  }

  async saveMany(count: number, due?: Date): Promise<void> {
    const jobs = Array.from({ length: count }, () => {
      const job = this.queue.createJob(ARGUMENT);
      return due === undefined ? job : job.delayUntil(due);
    });
    const [failure] = (await this.queue.saveAll(jobs)).values();
    if (failure !== undefined) throw failure;
  }

  async warmRate(count: number, work: (count: number) => Promise<unknown>): Promise<Figures> {
    await warmUp(count, work);
    return tallied(this.port, count, async () => ({ rate: await rateOf(count, () => work(count)) }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.queue.close();
  }
}

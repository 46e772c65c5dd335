import { fileURLToPath } from "node:url";
import type { Celeriac, SendOptions, Signature, Task } from "celeriac";
import { Worker } from "celeriac/worker";
import { startChild } from "../child.ts";
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
  type Synchronous,
} from "../contender.ts";
import { doWhenDue, drainInChild, startWorker } from "../draining.ts";
import { portOf } from "../redis/server.ts";
import { tellEvents } from "../redis/events.ts";
import { countdown, idleQuantiles, inBatches, inFlight, msUntil, pause, rateOf, warmUp } from "../load.ts";
import { OURS } from "../suite.ts";
import { openApp, type AppOptions } from "./app.ts";

const WORKER = "./celeriac/worker.ts";
/** How many are sent in one call where sending is not what is measured. */
const FILL = 500;

/** A broker with results, as the measurements of Celeriac see it. */
export interface Ground {
  readonly lacks?: Contender["lacks"];
  readonly urlOf: (place: Place, synchronous?: Synchronous) => string;
  /** What all in it takes, in bytes; absent where nobody can say. */
  readonly sizeOf?: (place: Place) => Promise<number>;
  /** Whether results go to who sent the task, who has to be there for them. @default false */
  readonly answersSender?: boolean;
  /** Does the work, and adds what a server had to do for each of so many tasks. */
  readonly tallied?: (place: Place, tasks: number, work: () => Promise<Figures>) => Promise<Figures>;
}

export function celeriacOn(ground: Ground): Contender {
  const bench = new CeleriacBench(ground);
  return {
    name: OURS,
    ...(ground.lacks === undefined ? {} : { lacks: ground.lacks }),
    measurements: {
      send: (place, load) => bench.send(place, load),
      sendBatches: (place, load) => bench.sendBatches(place, load),
      drain: (place, load) => bench.drain(place, load),
      hear: (place, load) => bench.hear(place, load),
      idleLatency: (place, load) => bench.idleLatency(place, load),
      growth: (place, load) => bench.growth(place, load),
      room: (place, load) => bench.room(place, load),
      delayed: (place, load) => bench.delayed(place, load),
    },
  };
}

class CeleriacBench {
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async send(place: Place, { count, inFlight: width, keepsResults = true, synchronous }: SendLoad): Promise<Figures> {
    await using opened = this.#open(place, { keepsResults }, synchronous);
    const sendSome = (some: number): Promise<void> => inFlight(some, width, () => opened.task.delay(ARGUMENT));
    return await this.#warmRate(place, count, sendSome);
  }

  async sendBatches(place: Place, { count, size }: SendBatchesLoad): Promise<Figures> {
    await using opened = this.#open(place);
    return await this.#warmRate(place, count, (all) => inBatches(all, size, (some) => opened.sendMany(some)));
  }

  async drain(place: Place, { waiting, synchronous, ...load }: DrainLoad): Promise<Figures> {
    await using sender = this.#open(place, { keepsResults: load.keepsResults }, "normal");
    await inBatches(waiting, FILL, (some) => sender.sendMany(some));
    if (this.#ground.answersSender !== true) await sender.app.close();
    const orders = { place: this.#ground.urlOf(place, synchronous), count: waiting, ...load };
    return await this.#tallied(place, waiting, () => drainInChild(WORKER, orders));
  }

  async hear(place: Place, { events }: Loads["hear"]): Promise<Figures> {
    const env = { BENCH_PLACE: this.#ground.urlOf(place), BENCH_EVENTS: String(events) };
    await using monitor = await startChild(fileURLToPath(import.meta.resolve("./monitor.ts")), env);
    await tellEvents(portOf(place), events);
    return { rate: Number(await monitor.line()) };
  }

  async idleLatency(place: Place, { samples }: Loads["idleLatency"]): Promise<Figures> {
    await using opened = this.#open(place);
    const orders = { place: this.#ground.urlOf(place), concurrency: 10, count: 0, keepsResults: true };
    await using worker = await startWorker(WORKER, orders);
    await opened.task.delay(ARGUMENT); // connected
    await worker.line();
    return await idleQuantiles(samples, async () => {
      const sentAt = process.hrtime.bigint();
      await opened.task.delay(ARGUMENT);
      return msUntil(await worker.line(), sentAt);
    });
  }

  async growth(place: Place, { waiting, drained }: Loads["growth"]): Promise<Figures> {
    await this.#fill(place, waiting, { keepsResults: false });
    const { tick, over } = countdown(drained);
    await using opened = this.#open(place, { keepsResults: false, work: tick });
    const send = await rateOf(drained, () => inFlight(drained, 100, () => opened.task.delay(ARGUMENT)));
    const worker = new Worker(opened.app, { concurrency: 100 });
    const drain = await rateOf(drained, async () => {
      await worker.start();
      await over;
    });
    await worker.stop();
    return { send, drain };
  }

  async room(place: Place, { waiting, restMs }: Loads["room"]): Promise<Figures> {
    const { sizeOf } = this.#ground;
    if (sizeOf === undefined) return {};
    const empty = await sizeOf(place);
    await this.#fill(place, waiting, { keepsResults: false });
    const full = await sizeOf(place);
    const orders = { place: this.#ground.urlOf(place), concurrency: 100, count: waiting, keepsResults: false };
    await drainInChild(WORKER, orders);
    await this.#tend(place, restMs);
    return { waiting: (full - empty) / waiting, after: (await sizeOf(place)) / 2 ** 20 };
  }

  async delayed(place: Place, { count, delayMs }: DelayedLoad): Promise<Figures> {
    const due = new Date(Date.now() + delayMs);
    await using opened = this.#open(place, { keepsResults: false });
    const orders = { place: this.#ground.urlOf(place), concurrency: 100, count, keepsResults: false };
    return await doWhenDue(WORKER, orders, due, () =>
      inBatches(count, FILL, (some) => opened.sendMany(some, { eta: due })),
    );
  }

  #open(place: Place, options?: AppOptions, synchronous?: Synchronous): OpenApp {
    return new OpenApp(this.#ground.urlOf(place, synchronous), options);
  }

  async #fill(place: Place, count: number, options: AppOptions): Promise<void> {
    await using opened = this.#open(place, options, "normal");
    await inBatches(count, FILL, (some) => opened.sendMany(some));
  }

  /** What an open broker does by itself. */
  async #tend(place: Place, ms: number): Promise<void> {
    await using opened = this.#open(place);
    await opened.app.broker();
    await pause(ms);
  }

  async #warmRate(place: Place, count: number, work: (count: number) => Promise<unknown>): Promise<Figures> {
    await warmUp(count, work);
    return this.#tallied(place, count, async () => ({ rate: await rateOf(count, () => work(count)) }));
  }

  #tallied(place: Place, tasks: number, work: () => Promise<Figures>): Promise<Figures> {
    return this.#ground.tallied?.(place, tasks, work) ?? work();
  }
}

class OpenApp implements AsyncDisposable {
  readonly app: Celeriac;
  readonly task: Task<[argument: string], [], null>;

  constructor(url: string, options?: AppOptions) {
    ({ app: this.app, task: this.task } = openApp(url, options));
  }

  sendMany(count: number, options?: SendOptions): Promise<unknown> {
    const call = (): Signature => (options === undefined ? this.task.s(ARGUMENT) : this.task.s(ARGUMENT).set(options));
    return this.app.sendBatch(Array.from({ length: count }, call));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.app.close();
  }
}

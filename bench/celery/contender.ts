import { Redis } from "ioredis";
import type { Child } from "../child.ts";
import type { Contender, DelayedLoad, DrainLoad, Figures, Loads, Place, SendLoad } from "../contender.ts";
import { idleQuantiles, msUntil, pause } from "../load.ts";
import { lacksRedis, portOf, tallied } from "../redis/server.ts";
import { tellEvents } from "../redis/events.ts";
import { lacksCelery, memoryOf, startCelery, startMonitor, startProducer } from "./programs.ts";

/** Its rates do not depend on how many there are, and more would take minutes. */
const MOST = 8_000;
/** It takes in all that is delayed, and needs its time for that. */
const MOST_DELAYED = 5_000;
const POLL_MS = 50;

/** Celery in Python, with its defaults, prefork with 2 children. */
export const celery: Contender = {
  name: "Celery",
  lacks: () => lacksRedis() ?? lacksCelery(),
  measurements: { send, drain, hear, idleLatency, delayed },
};

/** One at a time: its API waits for each. */
async function send(place: Place, { count, inFlight }: SendLoad): Promise<Figures> {
  if (inFlight > 1) return {};
  await using producer = await startProducer({ url: urlOf(place), keepsResults: true });
  await ask(producer, `send ${Math.ceil(count / 10)}`);
  return { rate: Number(await ask(producer, `send ${count}`)) };
}

/** From when the first are done to when nothing is owed any more. */
async function drain(place: Place, { waiting, keepsResults, tellsEvents }: DrainLoad): Promise<Figures> {
  const options = { url: urlOf(place), keepsResults, tellsEvents };
  const count = Math.min(waiting, MOST);
  await using producer = await startProducer(options);
  await ask(producer, `send ${count}`);
  return await tallied(portOf(place), count, async () => {
    await using worker = await startCelery(options);
    const rate = await rateOfDrain(place, count);
    return { rate, memory: memoryOf(worker.pid) };
  });
}

async function hear(place: Place, { events }: Loads["hear"]): Promise<Figures> {
  await using monitor = await startMonitor({ url: urlOf(place), keepsResults: false }, events);
  await tellEvents(portOf(place), events);
  return { rate: Number(await monitor.line()) };
}

async function idleLatency(place: Place, { samples }: Loads["idleLatency"]): Promise<Figures> {
  const options = { url: urlOf(place), keepsResults: true, tellsStarts: true };
  await using producer = await startProducer(options);
  await using worker = await startCelery(options);
  await ask(producer, "sendOne");
  await nextStart(worker);
  return await idleQuantiles(samples, async () => {
    const sentAt = BigInt(await ask(producer, "sendOne"));
    return msUntil(await nextStart(worker), sentAt);
  });
}

async function delayed(place: Place, { count, delayMs }: DelayedLoad): Promise<Figures> {
  const options = { url: urlOf(place), keepsResults: false, tellsStarts: true };
  const due = process.hrtime.bigint() + BigInt(delayMs) * 1_000_000n;
  const epochSeconds = (Date.now() + delayMs) / 1_000;
  await using producer = await startProducer(options);
  await using worker = await startCelery(options);
  const sent = Math.min(count, MOST_DELAYED);
  await ask(producer, `sendLater ${sent} ${epochSeconds}`);
  const first = msUntil(await nextStart(worker), due);
  let last = first;
  for (let started = 1; started < sent; started += 1) last = msUntil(await nextStart(worker), due);
  return { first, rate: sent / (last / 1_000) };
}

async function rateOfDrain(place: Place, count: number): Promise<number> {
  const redis = new Redis(portOf(place), "127.0.0.1");
  const owed = async (): Promise<number> => (await redis.llen("celery")) + (await redis.hlen("unacked"));
  try {
    const before = await pollUntil(owed, (left) => left < count);
    const start = process.hrtime.bigint();
    await pollUntil(owed, (left) => left === 0);
    return before / (Number(process.hrtime.bigint() - start) / 1e9);
  } finally {
    redis.disconnect();
  }
}

async function pollUntil(read: () => Promise<number>, isOver: (value: number) => boolean): Promise<number> {
  for (;;) {
    const value = await read();
    if (isOver(value)) return value;
    await pause(POLL_MS);
  }
}

/** Past its banner. */
async function nextStart(worker: Child): Promise<string> {
  for (;;) {
    const line = await worker.line();
    if (/^\d+$/.test(line)) return line;
  }
}

async function ask(producer: Child, command: string): Promise<string> {
  producer.tell(command);
  return producer.line();
}

function urlOf(place: Place): string {
  return `redis://127.0.0.1:${portOf(place)}/0`;
}

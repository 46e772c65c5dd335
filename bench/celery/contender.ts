import type { Child } from "../child.ts";
import type { Contender, DelayedLoad, DrainLoad, Figures, Loads, Place, SendLoad } from "../contender.ts";
import { idleQuantiles, msUntil, pause } from "../load.ts";
import { portOf } from "../redis/server.ts";
import { tellEvents } from "../redis/events.ts";
import { lacksCelery, memoryOf, startCelery, startMonitor, startProducer } from "./programs.ts";

/** Its rates do not depend on how many there are, and more would take minutes. */
const MOST = 8_000;
/** It takes in all that is delayed, and needs its time for that. */
const MOST_DELAYED = 5_000;
const POLL_MS = 50;

/** A broker, as the measurements of Celery see it. */
export interface CeleryGround {
  readonly lacks: () => string | undefined;
  readonly urlOf: (place: Place) => string;
  /** Asks it for how many messages are waiting, or held by a worker where it tells that. */
  readonly openOwed: (place: Place) => Promise<Owed>;
  /** Whether a send waits for no answer unless that is asked for: then it does so where several are to be in flight. @default false */
  readonly sendsBlindly?: boolean;
  /** Does the work, and adds what a server had to do for each of so many tasks. */
  readonly tallied?: (place: Place, tasks: number, work: () => Promise<Figures>) => Promise<Figures>;
}

export interface Owed extends AsyncDisposable {
  readonly read: () => Promise<number>;
}

/** Celery in Python, with its defaults, prefork with 2 children. */
export function celeryOn(ground: CeleryGround): Contender {
  return {
    name: "Celery",
    lacks: () => ground.lacks() ?? lacksCelery(),
    measurements: {
      send: (place, load) => send(ground, place, load),
      drain: (place, load) => drain(ground, place, load),
      hear: (place, load) => hear(ground, place, load),
      idleLatency: (place, load) => idleLatency(ground, place, load),
      delayed: (place, load) => delayed(ground, place, load),
    },
  };
}

/** One at a time: its API waits for each. */
async function send(
  { urlOf, sendsBlindly = false }: CeleryGround,
  place: Place,
  { count, inFlight, keepsResults = true }: SendLoad,
): Promise<Figures> {
  if (inFlight > 1 && !sendsBlindly) return {};
  const confirms = sendsBlindly && inFlight === 1;
  await using producer = await startProducer({ url: urlOf(place), keepsResults, confirms });
  const sent = Math.min(count, MOST);
  await ask(producer, `send ${Math.ceil(sent / 10)}`);
  return { rate: Number(await ask(producer, `send ${sent}`)) };
}

/** From when the first are done to when nothing is owed any more. */
async function drain(
  ground: CeleryGround,
  place: Place,
  { waiting, keepsResults, tellsEvents }: DrainLoad,
): Promise<Figures> {
  const options = { url: ground.urlOf(place), keepsResults, tellsEvents };
  const count = Math.min(waiting, MOST);
  await using producer = await startProducer(options);
  await ask(producer, `send ${count}`);
  const work = async (): Promise<Figures> => {
    await using worker = await startCelery(options);
    await using owed = await ground.openOwed(place);
    const rate = await rateOfDrain(owed, count);
    return { rate, memory: memoryOf(worker.pid) };
  };
  return await (ground.tallied?.(place, count, work) ?? work());
}

async function hear({ urlOf }: CeleryGround, place: Place, { events }: Loads["hear"]): Promise<Figures> {
  await using monitor = await startMonitor({ url: urlOf(place), keepsResults: false }, events);
  await tellEvents(portOf(place), events);
  return { rate: Number(await monitor.line()) };
}

async function idleLatency({ urlOf }: CeleryGround, place: Place, { samples }: Loads["idleLatency"]): Promise<Figures> {
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

async function delayed({ urlOf }: CeleryGround, place: Place, { count, delayMs }: DelayedLoad): Promise<Figures> {
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

async function rateOfDrain({ read }: Owed, count: number): Promise<number> {
  const before = await pollUntil(read, (left) => left < count);
  const start = process.hrtime.bigint();
  await pollUntil(read, (left) => left === 0);
  return before / (Number(process.hrtime.bigint() - start) / 1e9);
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

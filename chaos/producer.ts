// Sends calls of every kind at random, until told to stop: producer.ts SEED CALLS_PER_SECOND [MIX]
import { setTimeout as sleep } from "node:timers/promises";
import { app, KINDS, send } from "./app.ts";
import { Random } from "./random.ts";

/** How often each kind is sent, in relation to the others. */
const USUAL = { brief: 50, lasting: 0, long: 12, busy: 3, retried: 12, delayed: 12, parent: 10, crashing: 1 };
const MIXES: Readonly<Record<string, Readonly<Record<keyof typeof KINDS, number>>>> = {
  usual: USUAL,
  lasting: { ...USUAL, lasting: 1.5 },
};

const [seed = "", perSecond = "", name = "usual"] = process.argv.slice(2);
const mix = MIXES[name] ?? USUAL;
const random = new Random(Number(seed));
let isStopping = false;
process.once("SIGTERM", () => (isStopping = true));

const sending = new Set<Promise<void>>();
while (!isStopping) {
  await sleep(random.gap(1_000 / Number(perSecond)));
  const sent = send(KINDS[random.weighted(mix)](random.next())).then(() => void sending.delete(sent));
  sending.add(sent);
}
await Promise.all(sending);
await app.close();

// Sends calls of every kind at random, until told to stop: producer.ts SEED CALLS_PER_SECOND
import { setTimeout as sleep } from "node:timers/promises";
import { app, KINDS, send } from "./app.ts";
import { Random } from "./random.ts";

/** How often each kind is sent, in relation to the others. */
const MIX: Readonly<Record<keyof typeof KINDS, number>> = {
  brief: 50,
  long: 12,
  busy: 3,
  retried: 12,
  delayed: 12,
  parent: 10,
  crashing: 1,
};

const [seed, perSecond] = process.argv.slice(2).map(Number);
const random = new Random(seed ?? 0);
let isStopping = false;
process.once("SIGTERM", () => (isStopping = true));

const sending = new Set<Promise<void>>();
while (!isStopping) {
  await sleep(random.gap(1_000 / (perSecond ?? 1)));
  const sent = send(KINDS[random.weighted(MIX)](random.next())).then(() => void sending.delete(sent));
  sending.add(sent);
}
await Promise.all(sending);
await app.close();

import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { pause } from "../load.ts";

const CHANNEL = "/0.celeryev/task.multi";
/** As many as a worker of ours tells at once. */
const LISTED = 100;
const POLL_MS = 10;

/** Tells of so many steps of tasks, as a busy worker does, once somebody listens. They wait in Redis for who is slower. */
export async function tellEvents(port: number, count: number): Promise<void> {
  const redis = new Redis(port, "127.0.0.1");
  try {
    while ((await redis.call("PUBSUB", "NUMPAT")) === 0) await pause(POLL_MS);
    const lists = Array.from({ length: Math.ceil(count / LISTED) }, (_, list) =>
      redis.publish(CHANNEL, envelopeOf(eventsFrom(list * LISTED, Math.min(count, (list + 1) * LISTED)))),
    );
    await Promise.all(lists);
  } finally {
    redis.disconnect();
  }
}

/** Three of each task: received, started, succeeded. */
function eventsFrom(first: number, end: number): readonly object[] {
  return Array.from({ length: end - first }, (_, index) => eventOf(first + index));
}

function eventOf(index: number): object {
  const uuid = `00000000-0000-4000-8000-${String(Math.floor(index / 3)).padStart(12, "0")}`;
  const argument = `('${"x".repeat(99)}',)`;
  const call = { name: "bench.noop", args: argument, kwargs: "{}", root_id: uuid, parent_id: null, retries: 0 };
  const steps = [
    { uuid, ...call, eta: null, expires: null, type: "task-received" },
    { uuid, type: "task-started" },
    { uuid, result: "None", runtime: 0.001, type: "task-succeeded" },
  ];
  const common = { hostname: "celeriac@bench", utcoffset: 0, pid: 1, clock: index, timestamp: Date.now() / 1_000 };
  return { ...common, ...steps[index % 3] };
}

/** As Kombu has it. */
function envelopeOf(events: readonly object[]): string {
  return JSON.stringify({
    body: Buffer.from(JSON.stringify(events)).toString("base64"),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    headers: { hostname: "celeriac@bench" },
    properties: {
      delivery_mode: 1,
      delivery_info: { exchange: "celeryev", routing_key: "task.multi" },
      priority: 0,
      body_encoding: "base64",
      delivery_tag: randomUUID(),
    },
  });
}

import { setTimeout as sleep } from "node:timers/promises";
import { QUEUE, type Key, type Server } from "./place.ts";
import type { Verdict } from "./verdict.ts";

/** How long the last connections of processes that have ended may take to be noticed, in milliseconds. */
const LONGEST_GOODBYE_MS = 5_000;
const LOOK_MS = 100;

/** What stands whoever works: the queue and how it is bound, in our words and in Kombu's, and the last fence. One of each, however long the run. */
const STANDING: ReadonlySet<string> = new Set([
  "celeriac:exchanges",
  "celeriac:queues",
  `celeriac:bindings:${QUEUE}`,
  "celeriac:fence",
  `_kombu.binding.${QUEUE}`,
  `_kombu.binding_permanent.${QUEUE}`,
]);
/** What Celery's own workers leave: their remote control and events, and which queues expire. */
const CELERYS = /^_kombu\.binding(?:_deadlines|\.celeryev|\.(?:reply\.)?celery\.pidbox)$/;
/** What goes by itself, and there is one of each: a sign of life, who consumes, the boxes of killed workers, and the lock under which Kombu restores. */
const EXPIRING: ReadonlySet<string> = new Set([
  "celeriac:seen",
  `celeriac:consumers:${QUEUE}`,
  "celeriac:boxes",
  "unacked_mutex",
]);
/** Answers to a greeting whose worker was killed: no more than there were kills, and they go after a minute. */
const OF_GREETINGS = /^[0-9a-f-]{36}\.reply\.celery\.pidbox$/;
/** Sends whose answers nobody could hear, and the last of each process, which go by themselves: no more than there were outages and processes. */
const OF_SENDS = "celeriac:pushed:";
/** One for each task, by its id, which go by themselves too: its result, and the fence of the run that stored it. */
const OF_RESULTS = /^(?:celery-task-meta-|celeriac:fence:)(?<id>.+)$/;

/** What is left of a run in a broker when nobody works any more, and of whom it is. */
export async function leaksOf(server: Server, taskIds: ReadonlySet<string>): Promise<Verdict> {
  const clients = await clientsLeft(server);
  const keys = await server.keys();
  const leaked = keys.filter((key) => !isExpected(key, taskIds));
  return {
    counts: {
      "keys of results, which expire": keys.filter(({ name }) => OF_RESULTS.test(name)).length,
      "keys that stand": keys.filter(({ name }) => STANDING.has(name) || CELERYS.test(name)).length,
      "keys beside, which expire": keys.filter(isBeside).length,
      "keys leaked": leaked.length,
      "clients left": clients,
    },
    broken: [
      ...leaked.map(
        ({ name, isExpiring }) => `The key ${JSON.stringify(name)} is left${isExpiring ? "" : " for ever"}.`,
      ),
      ...(clients === 0 ? [] : [`${clients} connections are left.`]),
    ],
  };
}

function isExpected({ name, isExpiring }: Key, taskIds: ReadonlySet<string>): boolean {
  if (STANDING.has(name) || CELERYS.test(name)) return true;
  const taskId = OF_RESULTS.exec(name)?.groups?.["id"];
  return isExpiring && (isBeside({ name }) || (taskId !== undefined && taskIds.has(taskId)));
}

function isBeside({ name }: Pick<Key, "name">): boolean {
  return EXPIRING.has(name) || name.startsWith(OF_SENDS) || OF_GREETINGS.test(name);
}

async function clientsLeft(server: Server): Promise<number> {
  const deadline = Date.now() + LONGEST_GOODBYE_MS;
  for (;;) {
    const clients = await server.clients();
    if (clients === 0 || Date.now() >= deadline) return clients;
    await sleep(LOOK_MS);
  }
}

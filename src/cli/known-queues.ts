import type { Celeriac } from "../app/celeriac.ts";
import { NoSuchQueueError } from "./errors.ts";

/** Every queue that the broker has, and the app's own even before they are used. Sorted. */
export async function knownQueues(app: Celeriac): Promise<readonly string[]> {
  const broker = await app.broker();
  return [...new Set([...(await broker.queueNames()), ...app.queues.names()])].sort();
}

/** Rejects with NoSuchQueueError. */
export async function requireQueues(app: Celeriac, names: readonly string[]): Promise<void> {
  const known = await knownQueues(app);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new NoSuchQueueError(unknown, known);
}

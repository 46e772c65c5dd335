import type { RoutedRequest } from "../app/producer.ts";
import type { Delivery } from "../broker/broker.ts";
import type { TaskRequest } from "../message/task-request.ts";
import { abortedByAny } from "../util/aborted-by-any.ts";
import { toError } from "../util/errors.ts";
import { taskFields } from "./task-fields.ts";
import type { WorkerParts } from "./parts.ts";
import { isPassing, persist } from "./persist.ts";

/** Sends what a task is followed by, for as long as its lease lasts. Rejects as `persist` does. */
export async function sendOn(
  requests: readonly RoutedRequest[],
  parts: WorkerParts,
  delivery: Delivery,
): Promise<void> {
  if (requests.length > 0) await persist(() => sendOnce(requests, parts, delivery), parts, delivery);
}

/** One try. */
export function sendOnce(
  requests: readonly RoutedRequest[],
  { producer, giveUp }: WorkerParts,
  delivery: Delivery,
): Promise<void> {
  return abortedByAny([delivery.lost, giveUp], (signal) => producer.publishOnce(requests, signal));
}

/** Errbacks that cannot be sent change nothing: their task has failed already. */
export async function sendErrbacks(
  prepare: () => Promise<readonly RoutedRequest[]>,
  request: TaskRequest,
  parts: WorkerParts,
  delivery: Delivery,
): Promise<void> {
  try {
    await sendOn(await prepare(), parts, delivery);
  } catch (error) {
    if (isPassing(error)) throw error;
    parts.log.error("errbacks could not be sent", taskFields(request, { error: toError(error).message }));
  }
}

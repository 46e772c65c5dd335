import { announce, type Dispatch } from "../app/dispatch.ts";
import { abortedByAny } from "../util/aborted-by-any.ts";
import type { WorkerParts } from "./parts.ts";
import { persist, type Held } from "./persist.ts";

/** Sends what a task is followed by, for as long as its lease lasts. Rejects as `persist` does. */
export async function sendOn(dispatch: Dispatch, parts: WorkerParts, delivery: Held): Promise<void> {
  const { requests, chords, canvases } = dispatch;
  if (chords.length + canvases.length > 0) await persist(() => announce(dispatch, parts.backend), parts, delivery);
  if (requests.length > 0) await persist(() => sendOnce(dispatch, parts, delivery), parts, delivery);
}

/** One try, of what has been announced. */
export function sendOnce({ requests }: Dispatch, { producer, giveUp }: WorkerParts, delivery: Held): Promise<void> {
  return abortedByAny([delivery.lost, giveUp], (signal) => producer.publishOnce(requests, signal));
}

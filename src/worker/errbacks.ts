import { NOTHING_TO_DISPATCH, type Dispatch } from "../app/dispatch.ts";
import { prepareErrbacks, type FailedCall } from "../app/errbacks.ts";
import type { Failure } from "../backend/failure.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { toError } from "../util/errors.ts";
import type { WorkerParts } from "./parts.ts";
import { isPassing, type Held } from "./persist.ts";
import { sendOn } from "./send-on.ts";

/** As `prepareErrbacks`, and sends what it gives. Errbacks that cannot be sent change nothing, for the call has failed anyway. Rejects as `persist` does. */
export async function tellErrbacks(
  failed: FailedCall,
  errbacks: readonly SignatureDict[],
  failure: Failure,
  parts: WorkerParts,
  delivery: Held,
): Promise<void> {
  await sendErrbacks(failed, await readyErrbacks(failed, errbacks, failure, parts), parts, delivery);
}

/** As `prepareErrbacks`, for what is to be stored before they are sent. */
export function readyErrbacks(
  failed: FailedCall,
  errbacks: readonly SignatureDict[],
  failure: Failure,
  parts: WorkerParts,
): Promise<Dispatch> {
  return orNothing(failed, parts, NOTHING_TO_DISPATCH, () => prepareErrbacks(failed, errbacks, failure, parts));
}

export function sendErrbacks(
  failed: FailedCall,
  dispatch: Dispatch,
  parts: WorkerParts,
  delivery: Held,
): Promise<void> {
  return orNothing(failed, parts, undefined, () => sendOn(dispatch, parts, delivery));
}

async function orNothing<T>(
  { id, task }: FailedCall,
  { log }: WorkerParts,
  nothing: T,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (isPassing(error)) throw error;
    log.error("errbacks could not be sent", { id, task, error: toError(error).message });
    return nothing;
  }
}

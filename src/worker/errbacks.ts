import { tellErrbacks, type FailedCall } from "../app/errbacks.ts";
import type { Failure } from "../backend/failure.ts";
import type { ResultNode } from "../backend/groups.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { toError } from "../util/errors.ts";
import type { WorkerParts } from "./parts.ts";
import { isPassing, type Held } from "./persist.ts";
import { sendOn } from "./send-on.ts";

/** As `tellErrbacks`: errbacks that cannot be sent change nothing, for the call has failed anyway. Rejects as `persist` does. */
export async function sendErrbacks(
  failed: FailedCall,
  errbacks: readonly SignatureDict[],
  failure: Failure,
  parts: WorkerParts,
  delivery: Held,
): Promise<readonly ResultNode[]> {
  try {
    return await tellErrbacks(failed, errbacks, failure, {
      ...parts,
      send: (dispatch) => sendOn(dispatch, parts, delivery),
    });
  } catch (error) {
    if (isPassing(error)) throw error;
    const { id, task } = failed;
    parts.log.error("errbacks could not be sent", { id, task, error: toError(error).message });
    return [];
  }
}

import { reprArgs, reprKwargs } from "../message/python-repr.ts";
import type { TaskRequest } from "../message/task-request.ts";
import { describeFailure } from "../backend/failure.ts";
import type { PoolOutcome } from "../pool/pool.ts";
import { withRetryNote } from "./retry-history.ts";

/**
 * The next run of a task: the same id and family, one retry more, due after the delay.
 * Source: `celery/app/task.py:Task.retry`, `signature_from_request`.
 */
export function retryRequest(
  request: TaskRequest,
  { delayMs, changes, failure }: Extract<PoolOutcome, { kind: "retry" }>,
  now: number,
): TaskRequest {
  const { args = request.args, kwargs = request.kwargs, priority = request.priority } = changes;
  const { expires = request.expires } = changes;
  return {
    ...request,
    args,
    kwargs,
    argsRepr: args === request.args ? request.argsRepr : reprArgs(args),
    kwargsRepr: kwargs === request.kwargs ? request.kwargsRepr : reprKwargs(kwargs),
    headers: withRetryNote(request.headers, { at: new Date(now), code: "retry", detail: describeFailure(failure) }),
    priority,
    parentId: request.id,
    retries: request.retries + 1,
    eta: delayMs === 0 ? null : new Date(now + delayMs),
    expires: typeof expires === "number" ? new Date(now + expires) : expires,
  };
}

import { reprArgs, reprKwargs } from "../message/python-repr.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { PoolOutcome } from "../pool/pool.ts";

/**
 * The next run of a task: the same id and family, one retry more, due after the delay.
 * Source: `celery/app/task.py:Task.retry`, `signature_from_request`.
 */
export function retryRequest(
  request: TaskRequest,
  { delayMs, changes }: Extract<PoolOutcome, { kind: "retry" }>,
  now: number,
): TaskRequest {
  const { args = request.args, kwargs = request.kwargs, priority = request.priority } = changes;
  return {
    ...request,
    args,
    kwargs,
    argsRepr: args === request.args ? request.argsRepr : reprArgs(args),
    kwargsRepr: kwargs === request.kwargs ? request.kwargsRepr : reprKwargs(kwargs),
    priority,
    parentId: request.id,
    retries: request.retries + 1,
    eta: new Date(now + delayMs),
  };
}

import type { Dict } from "../../message/fields.ts";
import type { RunningTask } from "../running-task.ts";

/** A running task as Celery's `active` shows it. Celery: `celery/worker/request.py:Request.info`. */
export function requestInfo(
  { request, queue, deliveries, isAcknowledged, startedAt }: RunningTask,
  node: string,
): Dict {
  return {
    id: request.id,
    name: request.task,
    args: request.args,
    kwargs: request.kwargs,
    type: request.task,
    hostname: node,
    time_start: startedAt / 1000,
    acknowledged: isAcknowledged,
    delivery_info: { exchange: "", routing_key: queue, priority: request.priority, redelivered: deliveries > 1 },
    worker_pid: process.pid,
  };
}

/** The same with texts for the arguments, which may be anything: what `active` gives when asked to be safe. */
export function safeRequestInfo(running: RunningTask, node: string): Dict {
  const { argsRepr: args, kwargsRepr: kwargs } = running.request;
  return { ...requestInfo(running, node), args, kwargs };
}

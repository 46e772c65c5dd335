import type { Failure } from "../backend/failure.ts";
import { withPartials } from "../canvas/partials.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import { TaskFailedError } from "../result/errors.ts";
import type { Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { within } from "../util/within.ts";
import { bindArguments } from "./bind-arguments.ts";
import type { TaskDefinition } from "./define-task.ts";
import { NOTHING_TO_DISPATCH, type Dispatch } from "./dispatch.ts";
import { errbacksOf } from "./follow-ups.ts";
import type { Producer } from "./producer.ts";

/** How long an errback that is called may take, in milliseconds: its task is not settled before. */
const LONGEST_MS = 5_000;

/** What errbacks are told of a call that failed, or never came to run. */
export type FailedCall = Pick<TaskRequest, "id" | "rootId" | "task" | "args" | "kwargs">;

export interface ErrbackSurroundings {
  readonly tasks: { get(name: string): TaskDefinition | undefined };
  readonly producer: Producer;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * What tells the errbacks of a call that it failed. One that is known here, is not bound and takes more than one argument is called at once, in this
 * process, with the call, a TaskFailedError and the traceback, and nothing comes of its own failure; any other is to be sent, with the call's id.
 * Celery: `celery/backends/base.py:Backend._call_task_errbacks`.
 */
export async function prepareErrbacks(
  failed: FailedCall,
  errbacks: readonly SignatureDict[],
  failure: Failure,
  { tasks, producer, clock, log }: ErrbackSurroundings,
): Promise<Dispatch> {
  const others: SignatureDict[] = [];
  for (const errback of errbacks) {
    const definition = tasks.get(errback.task);
    if (definition === undefined || !takesError(definition, errback)) others.push(errback);
    else await callHere(definition, errback, failed, failure, { clock, log });
  }
  return others.length === 0 ? NOTHING_TO_DISPATCH : errbacksOf(failed, others, producer);
}

/** Whether more is asked of the failure than the call's id. */
function takesError({ body }: TaskDefinition, { args, kwargs, immutable }: SignatureDict): boolean {
  if (body === undefined || body.bind) return false;
  const given = immutable ? 0 : args.length + Object.keys(kwargs).length;
  return body.handler.length - given > 1;
}

async function callHere(
  { name, options, body }: TaskDefinition,
  errback: SignatureDict,
  failed: FailedCall,
  failure: Failure,
  { clock, log }: Pick<ErrbackSurroundings, "clock" | "log">,
): Promise<void> {
  const handler = body?.handler as (...args: readonly unknown[]) => unknown;
  try {
    const told = [failed, new TaskFailedError(failed.id, failure), failure.traceback];
    const args = await bindArguments(name, options, withPartials(errback, told));
    const error = (): Error =>
      new Error(`It did not end within ${String(LONGEST_MS / 1000)} s, and is waited for no longer.`);
    await within({ clock, ms: LONGEST_MS, error }, async () => handler(...args));
  } catch (error) {
    const { id, task } = failed;
    log.error("errback failed", { id, task, errback: name, error: toError(error).message });
  }
}

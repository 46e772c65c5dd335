import type { Celeriac } from "../../app/celeriac.ts";
import { messageOf } from "../../app/build-request.ts";
import { runTask } from "../../app/run-task.ts";
import type { Signature } from "../../canvas/signature.ts";
import { decodeTask } from "../../message/decode-task.ts";
import { decodeJson } from "../../message/json.ts";
import type { Failure } from "../../backend/failure.ts";
import type { PoolJob, PoolOutcome } from "../../pool/pool.ts";
import type { RunHooks } from "../../pool/run-hooks.ts";
import { TaskFailedError } from "../../result/errors.ts";

/** How one run of a task ended. */
export type Performed<Result> =
  | { readonly state: "SUCCESS"; readonly result: Result }
  | { readonly state: "FAILURE"; readonly error: TaskFailedError }
  /** It wants to run again after `delayMs`. */
  | { readonly state: "RETRY"; readonly error: TaskFailedError; readonly delayMs: number }
  | { readonly state: "IGNORED" }
  | { readonly state: "REJECTED"; readonly reason: string; readonly requeue: boolean };

/** Runs a call once, across the wire's encoding, and does nothing else: no retry is sent, nothing is stored. */
export async function perform<Result>(app: Celeriac, call: Signature<Result>): Promise<Performed<Result>> {
  const [routed] = await app.producer.prepare([call]);
  if (routed === undefined) throw new Error("A prepared call has a request.");
  const message = messageOf(routed.request, app.config, app.clock.now());
  const request = decodeTask(message, { accept: app.config.acceptContent });
  const { priority, id } = request;
  const delivery = { queue: routed.route.routingKey, priority, redelivered: false, deliveries: 1, fence: 1 };
  const job: PoolJob = { message, request, delivery };
  return performedOf(id, await runTask(job, HOOKS, app));
}

/** Nothing ends the run. */
const HOOKS: RunHooks = {
  signal: new AbortController().signal,
  isGivenUp: false,
  beginCommit: () => true,
  onProgress: () => undefined,
};

function performedOf<Result>(id: string, outcome: PoolOutcome): Performed<Result> {
  switch (outcome.kind) {
    case "returned":
      return { state: "SUCCESS", result: decodeJson(outcome.value.text) as Result };
    case "threw":
      return { state: "FAILURE", error: errorOf(id, outcome.failure) };
    case "retry":
      return { state: "RETRY", error: errorOf(id, outcome.failure), delayMs: outcome.delayMs };
    case "ignored":
      return { state: "IGNORED" };
    case "rejected":
      return { state: "REJECTED", reason: outcome.reason.detail, requeue: outcome.requeue };
    default:
      throw new Error(`A run that nothing ends was ${outcome.kind}.`);
  }
}

function errorOf(id: string, failure: Failure): TaskFailedError {
  return new TaskFailedError(id, failure);
}

import { failureDocument } from "../backend/failure.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { decodeMeta, encodeMeta, resultTuple, type TaskMeta } from "../backend/task-meta.ts";
import { decodeTask } from "../message/decode-task.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { PoolJob, PoolOutcome, SentChild } from "../pool/pool.ts";
import type { RunHooks } from "../pool/run-hooks.ts";
import { AsyncResult, type ResultSource } from "../result/async-result.ts";
import { ResultWatcher } from "../result/result-watcher.ts";
import type { Clock } from "../util/clock.ts";
import { OnceOpen } from "../util/once-open.ts";
import { messageOf } from "./build-request.ts";
import { openMemoryBackend } from "./connect.ts";
import { followUpsOfFailure, followUpsOfSuccess } from "./follow-ups.ts";
import type { Producer, RoutedRequest } from "./producer.ts";
import { retryRequest } from "./retry-request.ts";
import { runTask, type TaskRunnerOptions } from "./run-task.ts";

export interface EagerOptions extends TaskRunnerOptions {
  readonly clock: Clock;
  readonly producer: Producer;
}

/** Tasks run here and now, and their results, which live only in this process. Celery: `celery/result.py:EagerResult`. */
export class EagerRuns implements ResultSource {
  readonly clock: Clock;
  readonly #options: EagerOptions;
  readonly #backend: OnceOpen<ResultBackend>;
  readonly #watcher: OnceOpen<ResultWatcher>;

  constructor(options: EagerOptions) {
    const { clock, config, log } = options;
    this.clock = clock;
    this.#options = options;
    this.#backend = new OnceOpen(async () =>
      openMemoryBackend({ clock, log, resultExpiresMs: config.resultExpires * 1000 }),
    );
    this.#watcher = new OnceOpen(async () => new ResultWatcher(await this.resultBackend()));
  }

  /** One after the other; gives their ids. No call is a duplicate: all that came before have ended. */
  async runAll(requests: readonly RoutedRequest[]): Promise<readonly string[]> {
    for (const { request } of requests) await this.run(request);
    return requests.map(({ request }) => request.id);
  }

  /** Runs a request, its retries without their delays, and its follow-ups. Rejects with TaskFailedError under `taskEagerPropagates`. */
  async run(request: TaskRequest): Promise<AsyncResult> {
    const outcome = await this.#outcomeOf(request);
    const followUps = await this.#followUps(request, outcome);
    const meta = metaOf(request, outcome, followUps, new Date(this.clock.now()));
    const backend = await this.resultBackend();
    await backend.store([decodeMeta(encodeMeta(meta))]);
    const result = this.result(request.id);
    if (this.#options.config.taskEagerPropagates) await result.get();
    return result;
  }

  async #outcomeOf(request: TaskRequest): Promise<Exclude<PoolOutcome, { kind: "retry" }>> {
    for (let next = request; ;) {
      const outcome = await runTask(asReceived(next, this.#options), HOOKS, this.#options);
      if (outcome.kind !== "retry") return outcome;
      next = retryRequest(next, { ...outcome, delayMs: 0 }, this.clock.now());
    }
  }

  async #followUps(request: TaskRequest, outcome: PoolOutcome): Promise<readonly SentChild[]> {
    const routed = await this.#routedFollowUps(request, outcome);
    for (const followUp of routed) await this.run(followUp.request);
    return routed.map(({ request: { id } }) => ({ id }));
  }

  async #routedFollowUps(request: TaskRequest, outcome: PoolOutcome): Promise<readonly RoutedRequest[]> {
    const { producer } = this.#options;
    if (outcome.kind === "returned") return followUpsOfSuccess(request, outcome.value, producer);
    return outcome.kind === "threw" ? followUpsOfFailure(request, producer) : [];
  }

  resultBackend(): Promise<ResultBackend> {
    return this.#backend.get();
  }

  resultWatcher(): Promise<ResultWatcher> {
    return this.#watcher.get();
  }

  /** Too late for every task: they have all ended. */
  revoke(): Promise<void> {
    return Promise.resolve();
  }

  result<Result = unknown>(taskId: string): AsyncResult<Result> {
    return new AsyncResult<Result>(this, taskId);
  }
}

/** What an eager run has in place of a pool: nothing ends it. */
const HOOKS: RunHooks = {
  signal: new AbortController().signal,
  isGivenUp: false,
  beginCommit: () => true,
  onProgress: () => undefined,
};

/** A request as a worker would get it: across the same encoding as on the wire, so what could not be sent fails here too. */
function asReceived(request: TaskRequest, { config, clock }: EagerOptions): PoolJob {
  const message = messageOf(request, config, clock.now());
  const delivery = { queue: "", priority: request.priority, redelivered: false, deliveries: 1, fence: 1 };
  return { message, request: decodeTask(message, { accept: config.acceptContent }), delivery };
}

function metaOf(
  request: TaskRequest,
  outcome: Exclude<PoolOutcome, { kind: "retry" }>,
  followUps: readonly SentChild[],
  doneAt: Date,
): TaskMeta {
  const { id: taskId, parentId, groupId } = request;
  const meta = { taskId, parentId, groupId, doneAt, children: [], traceback: null };
  switch (outcome.kind) {
    case "returned":
      return {
        ...meta,
        state: "SUCCESS",
        result: outcome.value,
        children: [...outcome.children, ...followUps].map(resultTuple),
      };
    case "threw": {
      const { failure, children } = outcome;
      const ended = { result: failureDocument(failure), traceback: failure.traceback };
      return { ...meta, state: "FAILURE", ...ended, children: [...children, ...followUps].map(resultTuple) };
    }
    case "rejected":
      return { ...meta, state: "REJECTED", result: outcome.reason.detail };
    default:
      return { ...meta, state: "IGNORED", result: null };
  }
}

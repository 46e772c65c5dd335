import { failureDocument } from "../backend/failure.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { decodeMeta, encodeMeta, type TaskMeta } from "../backend/task-meta.ts";
import { decodeTask } from "../message/decode-task.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { PoolOutcome } from "../pool/pool.ts";
import { AsyncResult, type ResultSource } from "../result/async-result.ts";
import { ResultWatcher } from "../result/result-watcher.ts";
import type { Clock } from "../util/clock.ts";
import { OnceOpen } from "../util/once-open.ts";
import { messageOf } from "./build-request.ts";
import { openMemoryBackend } from "./connect.ts";
import { runTask, type TaskRunnerOptions } from "./run-task.ts";

const NEVER: AbortSignal = new AbortController().signal;

/** Tasks run here and now, and their results, which live only in this process. Celery: `celery/result.py:EagerResult`. */
export class EagerRuns implements ResultSource {
  readonly clock: Clock;
  readonly #options: TaskRunnerOptions;
  readonly #backend: OnceOpen<ResultBackend>;
  readonly #watcher: OnceOpen<ResultWatcher>;

  constructor(options: TaskRunnerOptions & { readonly clock: Clock }) {
    const { clock, config, log } = options;
    this.clock = clock;
    this.#options = options;
    this.#backend = new OnceOpen(async () =>
      openMemoryBackend({ clock, log, resultExpiresMs: config.resultExpires * 1000 }),
    );
    this.#watcher = new OnceOpen(async () => new ResultWatcher(await this.resultBackend()));
  }

  /** Runs a request, retries included and without their delays. Rejects with TaskFailedError under `taskEagerPropagates`. */
  async run(request: TaskRequest): Promise<AsyncResult> {
    const meta = await runEagerly(request, this.#options, this.clock);
    const backend = await this.resultBackend();
    await backend.store([meta]);
    const result = this.result(request.id);
    if (this.#options.config.taskEagerPropagates) await result.get();
    return result;
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

/** Request and result cross the same encoding as on the wire, so what could not be sent fails here too. Celery: `celery/app/task.py:Task.apply`. */
async function runEagerly(request: TaskRequest, options: TaskRunnerOptions, clock: Clock): Promise<TaskMeta> {
  const { config } = options;
  for (let retries = request.retries; ; retries += 1) {
    const asReceived = decodeTask(messageOf({ ...request, retries }, config, clock.now()), {
      accept: config.acceptContent,
    });
    const delivery = { queue: "", priority: request.priority, redelivered: false, deliveries: 1, fence: 1 };
    const hooks = { signal: NEVER, isGivenUp: false, onProgress: () => undefined };
    const outcome = await runTask({ request: asReceived, delivery }, hooks, options);
    if (outcome.kind !== "retry") return decodeMeta(encodeMeta(metaOf(request, outcome, new Date(clock.now()))));
  }
}

function metaOf(request: TaskRequest, outcome: PoolOutcome, doneAt: Date): TaskMeta {
  const { id: taskId, parentId, groupId } = request;
  const meta = { taskId, parentId, groupId, doneAt, children: [], traceback: null };
  switch (outcome.kind) {
    case "returned":
      return { ...meta, state: "SUCCESS", result: outcome.value };
    case "threw":
      return {
        ...meta,
        state: "FAILURE",
        result: failureDocument(outcome.failure),
        traceback: outcome.failure.traceback,
      };
    case "rejected":
      return { ...meta, state: "REJECTED", result: outcome.reason.detail };
    default:
      return { ...meta, state: "IGNORED", result: null };
  }
}

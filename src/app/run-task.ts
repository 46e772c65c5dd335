import { failureOf } from "../backend/failure.ts";
import type { RunHooks } from "../pool/inline-pool.ts";
import type { PoolJob, PoolOutcome, SentChild } from "../pool/pool.ts";
import { EncodedJson, encodeJson } from "../message/json.ts";
import { toError } from "../util/errors.ts";
import { withFields, type Logger } from "../util/logger.ts";
import { bindArguments } from "./bind-arguments.ts";
import type { ResolvedConfig } from "./config.ts";
import type { TaskBody, TaskDefinition } from "./define-task.ts";
import { InvalidArgumentsError } from "./errors.ts";
import { withResources, type Resource } from "./resource.ts";
import { isAutoretried, retryDelayMs } from "./retry-policy.ts";
import { AbandonedRunError, Ignore, MaxRetriesExceededError, Reject, Retry } from "./steering.ts";
import { withinRun, type TaskContext } from "./task-context.ts";

export interface TaskRunnerOptions {
  readonly config: ResolvedConfig;
  readonly tasks: { get(name: string): TaskDefinition | undefined };
  readonly resources: ReadonlyMap<string, Resource<unknown>>;
  readonly log: Logger;
}

/** Runs the body of one task where it stands, and says how it ended. */
export async function runTask(job: PoolJob, run: RunHooks, options: TaskRunnerOptions): Promise<PoolOutcome> {
  const { request } = job;
  const definition = options.tasks.get(request.task);
  if (definition?.body === undefined) throw new TypeError(`Task "${request.task}" has no body here.`);
  const { body } = definition;
  const context = new RunContext(job, run, options.log);
  const children: SentChild[] = [];
  const refuse = (): never => {
    throw new AbandonedRunError(request.task, request.id);
  };
  const runBody = async (): Promise<EncodedJson> => {
    if (run.isGivenUp) refuse();
    return new EncodedJson(encodeJson(await callHandler(definition, body, context), "result"));
  };
  const mayCommit = (): void => {
    if (!run.beginCommit()) refuse();
  };
  try {
    const value = await withinRun({ context, children }, () =>
      withResources(body.bind ? options.resources : NONE, context, runBody, mayCommit),
    );
    return { kind: "returned", value, children };
  } catch (error) {
    return outcomeOf(error, job, definition, children, options);
  }
}

/** A task that is not bound cannot see resources, and so is not given any. */
const NONE: ReadonlyMap<string, Resource<unknown>> = new Map();

async function callHandler(definition: TaskDefinition, body: TaskBody, context: TaskContext): Promise<unknown> {
  const bound = await bindArguments(definition.name, definition.options, context.request).catch(asTypeError);
  const handler = body.handler as (...args: readonly unknown[]) => unknown;
  return body.bind ? handler(context, ...bound) : handler(...bound);
}

/** A call that does not fit its function is a TypeError to callers in Python, and so it is here. */
function asTypeError(error: unknown): never {
  throw error instanceof InvalidArgumentsError ? new TypeError(error.message, { cause: error }) : error;
}

/** How a run ended that threw: its own wish first, then the task's retry rules, else a failure. */
function outcomeOf(
  error: unknown,
  { request }: PoolJob,
  definition: TaskDefinition,
  children: readonly SentChild[],
  { config, log }: TaskRunnerOptions,
): PoolOutcome {
  if (error instanceof Ignore) return { kind: "ignored" };
  if (error instanceof Reject) {
    return { kind: "rejected", requeue: error.requeue, reason: { code: "rejected", detail: error.reason } };
  }
  const policy = definition.options;
  const wish = error instanceof Retry ? error.options : isRetriedByRule(policy, error, log) ? { error } : undefined;
  if (wish === undefined) return { kind: "threw", failure: failureOf(error), children };

  const ownLimit = policy.maxRetries === undefined ? config.taskMaxRetries : policy.maxRetries;
  const maxRetries = wish.maxRetries === undefined ? ownLimit : wish.maxRetries;
  if (maxRetries !== null && request.retries >= maxRetries) {
    const last = wish.error ?? new MaxRetriesExceededError(request.task, request.id, request.retries);
    return { kind: "threw", failure: failureOf(last), children };
  }
  const { delayMs, maxRetries: _limit, error: cause, ...changes } = wish;
  return {
    kind: "retry",
    failure: failureOf(cause ?? error),
    delayMs: delayMs ?? retryDelayMs(policy, request.retries, config.taskDefaultRetryDelay * 1000),
    changes,
  };
}

/** A matcher that throws matches nothing: the task's own error must not be lost to it. */
function isRetriedByRule(policy: TaskDefinition["options"], error: unknown, log: Logger): boolean {
  try {
    return isAutoretried(policy, error);
  } catch (fault) {
    log.error("a test in autoretryFor threw, so the error is not retried", { error: toError(fault).message });
    return false;
  }
}

/** The context of one run; made for every task, so what is rarely used is made when asked for. */
class RunContext implements TaskContext {
  readonly request: PoolJob["request"];
  readonly delivery: PoolJob["delivery"];
  readonly #hooks: RunHooks;
  readonly #workerLog: Logger;

  constructor(job: PoolJob, hooks: RunHooks, log: Logger) {
    this.request = job.request;
    this.delivery = job.delivery;
    this.#hooks = hooks;
    this.#workerLog = log;
  }

  get id(): string {
    return this.request.id;
  }
  get task(): string {
    return this.request.task;
  }
  get rootId(): string {
    return this.request.rootId;
  }
  get parentId(): string | null {
    return this.request.parentId;
  }
  get retries(): number {
    return this.request.retries;
  }
  get fence(): number {
    return this.delivery.fence;
  }
  get headers(): Readonly<Record<string, unknown>> {
    return this.request.headers;
  }
  get signal(): AbortSignal {
    return this.#hooks.signal;
  }
  get log(): Logger {
    return withFields(this.#workerLog, { task: this.task, id: this.id });
  }

  progress(value: unknown): void {
    this.#hooks.onProgress(new EncodedJson(encodeJson(value, "progress")));
  }

  retry(options?: ConstructorParameters<typeof Retry>[0]): Retry {
    return new Retry(options);
  }
}

import { failureOf } from "../backend/failure.ts";
import type { ResultNode } from "../backend/groups.ts";
import type { PoolJob, PoolOutcome } from "../pool/pool.ts";
import type { RunHooks } from "../pool/run-hooks.ts";
import { tasksOf } from "../canvas/dicts.ts";
import { dictsOf } from "../canvas/signature-options.ts";
import { EncodedJson, encodeJson } from "../message/json.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { andThen } from "../util/and-then.ts";
import { withFields, type Logger } from "../util/logger.ts";
import { bindArguments } from "./bind-arguments.ts";
import type { ResolvedConfig } from "./config.ts";
import type { TaskDefinition } from "./define-task.ts";
import { InvalidArgumentsError } from "./errors.ts";
import { withResources, type Resource } from "./resource.ts";
import { withMergedArguments } from "./retry-arguments.ts";
import { RetryRules } from "./retry-rules.ts";
import {
  AbandonedRunError,
  Ignore,
  MaxRetriesExceededError,
  NotInChordError,
  Reject,
  Replace,
  BadReplacementError,
  Retry,
} from "./steering.ts";
import type { FollowUp } from "./send-options.ts";
import { withinRun, type TaskContext } from "./task-context.ts";

export interface TaskRunnerOptions {
  readonly config: ResolvedConfig;
  readonly tasks: { get(name: string): TaskDefinition | undefined };
  readonly resources: ReadonlyMap<string, Resource<unknown>>;
  readonly log: Logger;
  /** From 0 to below 1: where the jitter of retries comes from. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Runs the body of one task where it stands, and says how it ended: at once where nothing had to be waited for, as every promise costs each
 * task more than all else here.
 */
export function runTask(job: PoolJob, run: RunHooks, options: TaskRunnerOptions): PoolOutcome | Promise<PoolOutcome> {
  const { request } = job;
  const definition = options.tasks.get(request.task);
  if (definition?.body === undefined) throw new TypeError(`Task "${request.task}" has no body here.`);
  const { body } = definition;
  const context = new RunContext(job, run, options.log);
  const children: ResultNode[] = [];
  const callBody = (args: readonly unknown[]): unknown => {
    const handler = body.handler as (...args: readonly unknown[]) => unknown;
    return body.bind ? handler(context, ...args) : handler(...args);
  };
  const runBody = (): EncodedJson | Promise<EncodedJson> => {
    if (run.isGivenUp) throw new AbandonedRunError(request.task, request.id);
    return andThen(andThen(argumentsOf(definition, context), callBody), encodeResult);
  };
  // A task that is not bound cannot see resources, and so is not given any.
  const needsResources = body.bind && options.resources.size > 0;
  const mayCommit = async (): Promise<void> => {
    if (!(await run.beginCommit())) throw new AbandonedRunError(request.task, request.id);
  };
  const runWhole = needsResources ? () => withResources(options.resources, context, runBody, mayCommit) : runBody;
  const returned = (value: EncodedJson): PoolOutcome => {
    const { added } = context;
    return added === undefined ? { kind: "returned", value, children } : { kind: "returned", value, children, added };
  };
  const threw = (error: unknown): PoolOutcome => outcomeOf(error, context, definition, children, options);
  try {
    const value = withinRun({ context, children }, runWhole);
    return value instanceof EncodedJson ? returned(value) : value.then(returned, threw);
  } catch (error) {
    return threw(error);
  }
}

function encodeResult(value: unknown): EncodedJson {
  return new EncodedJson(encodeJson(value, "result"));
}

/** A call that does not fit its function is a TypeError to callers in Python, and so it is here. */
function argumentsOf(
  { name, options, takesAnything = false }: TaskDefinition,
  { request }: TaskContext,
): readonly unknown[] | Promise<readonly unknown[]> {
  if (takesAnything) return [];
  try {
    const bound = bindArguments(name, options, request);
    return bound instanceof Promise ? bound.catch(asTypeError) : bound;
  } catch (error) {
    return asTypeError(error);
  }
}

function asTypeError(error: unknown): never {
  throw error instanceof InvalidArgumentsError ? new TypeError(error.message, { cause: error }) : error;
}

/** How a run ended that threw: its own wish first, then the task's retry rules, else a failure. */
function outcomeOf(
  error: unknown,
  { request, added }: RunContext,
  definition: TaskDefinition,
  children: readonly ResultNode[],
  { config, log, random = Math.random }: TaskRunnerOptions,
): PoolOutcome {
  if (error instanceof Ignore) return { kind: "ignored" };
  if (error instanceof Replace) {
    const by = new EncodedJson(encodeJson(error.by, "replace"));
    return added === undefined ? { kind: "replaced", by } : { kind: "replaced", by, added };
  }
  if (error instanceof Reject) {
    return { kind: "rejected", requeue: error.requeue, reason: { code: "rejected", detail: error.reason } };
  }
  const rules = new RetryRules(definition.options, config, random);
  const wish = error instanceof Retry ? error.options : rules.appliesTo(error, log) ? { error } : undefined;
  if (wish === undefined) return { kind: "threw", failure: failureOf(error), children };

  const maxRetries = wish.maxRetries === undefined ? rules.maxRetries : wish.maxRetries;
  if (maxRetries !== null && request.retries >= maxRetries) {
    const last = wish.error ?? new MaxRetriesExceededError(request.task, request.id, request.retries);
    return { kind: "threw", failure: failureOf(last), children };
  }
  const { delayMs, maxRetries: _limit, error: cause = error, ...changes } = wish;
  return {
    kind: "retry",
    failure: failureOf(cause),
    delayMs: delayMs ?? rules.delayMs(cause, request.retries, log),
    changes: withMergedArguments(changes, request, definition.options.params),
  };
}

/** The context of one run; made for every task, so what is rarely used is made when asked for. */
class RunContext implements TaskContext {
  readonly request: PoolJob["request"];
  readonly delivery: PoolJob["delivery"];
  #added: SignatureDict[] | undefined;
  readonly properties: PoolJob["message"]["properties"];
  readonly #hooks: RunHooks;
  readonly #workerLog: Logger;

  constructor(job: PoolJob, hooks: RunHooks, log: Logger) {
    this.request = job.request;
    this.delivery = job.delivery;
    this.properties = job.message.properties;
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

  /** What is to join the task's chord. */
  get added(): EncodedJson | undefined {
    return this.#added && new EncodedJson(encodeJson(this.#added, "addToChord"));
  }

  progress(value: unknown): void {
    this.#hooks.onProgress(new EncodedJson(encodeJson(value, "progress")));
  }

  retry(options?: ConstructorParameters<typeof Retry>[0]): Retry {
    return new Retry(options);
  }

  replace(by: FollowUp): Replace {
    const [dict] = dictsOf(by) as [SignatureDict];
    if (dict.subtask_type === "chain" && tasksOf(dict).length === 0)
      throw new BadReplacementError("Cannot replace with an empty chain");
    if ("chord" in dict.options)
      throw new BadReplacementError("A signature replacing a task must not be part of a chord");
    return new Replace(dict);
  }

  addToChord(canvas: FollowUp): void {
    if (this.request.followUps.chord === null) throw new NotInChordError(this.task, this.id);
    (this.#added ??= []).push(...dictsOf(canvas));
  }
}

import { culpritOf, failureBy, ignored, rejected, resultsOfMembers } from "../backend/chord-outcome.ts";
import type { ChordPart } from "../backend/chords.ts";
import { failureDocument, type Failure } from "../backend/failure.ts";
import { childrenOf, tasksOfResult, type ResultNode } from "../backend/groups.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { decodeMeta, encodeMeta, type TaskMeta } from "../backend/task-meta.ts";
import {
  chordTaskOf,
  chordTaskWithin,
  errbacksWithin,
  idsOfCall,
  tasksWithin,
  type ChordTask,
} from "../canvas/unrun.ts";
import { decodeTask } from "../message/decode-task.ts";
import type { EncodedJson } from "../message/json.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import type { PoolJob, PoolOutcome } from "../pool/pool.ts";
import type { RunHooks } from "../pool/run-hooks.ts";
import { AsyncResult } from "../result/async-result.ts";
import type { ResultSource } from "../result/canvas-result.ts";
import type { GroupResult } from "../result/group-result.ts";
import { resultOf } from "../result/result-of.ts";
import { ResultWatcher } from "../result/result-watcher.ts";
import type { Clock } from "../util/clock.ts";
import { OnceOpen } from "../util/once-open.ts";
import { messageOf } from "./build-request.ts";
import { openMemoryBackend } from "./connect.ts";
import { announce, type Dispatch } from "./dispatch.ts";
import { prepareErrbacks, type FailedCall } from "./errbacks.ts";
import { additionsOf, bodyOfChord, followUpsOfSuccess, replacementsOf, stepsThatNeverRun } from "./follow-ups.ts";
import type { Producer } from "./producer.ts";
import { retryRequest } from "./retry-request.ts";
import { runTask, type TaskRunnerOptions } from "./run-task.ts";

/** How a run ended that no other follows. */
type Ended = Exclude<PoolOutcome, { kind: "retry" | "replaced" }>;

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

  /** What canvases start with. Nothing that follows is stored: all of it stays in this process. */
  dispatchOf(dicts: readonly SignatureDict[]): Promise<Dispatch> {
    return this.#options.producer.dispatchOf(dicts);
  }

  /** Runs what a canvas starts with, one after the other, and all that comes of it. Rejects as `run` does. */
  async runAll(dispatch: Omit<Dispatch, "results">): Promise<void> {
    await announce(dispatch, await this.resultBackend());
    for (const { request } of dispatch.requests) await this.run(request);
  }

  /** Runs a request, its retries without their delays, and its follow-ups. Rejects with TaskFailedError under `taskEagerPropagates`. */
  async run(request: TaskRequest): Promise<AsyncResult> {
    const outcome = await this.#outcomeOf(request);
    if (outcome.kind === "replaced") {
      await this.#addToChord(request, outcome.added);
      await this.runAll(await replacementsOf(request, outcome.by, this.#options.producer));
    } else await this.#settle(request, outcome);
    const result = new AsyncResult(this, { id: request.id, parent: null, members: null });
    if (this.#options.config.taskEagerPropagates) await result.get();
    return result;
  }

  async #settle(request: TaskRequest, outcome: Ended): Promise<void> {
    const children = await this.#followUps(request, outcome);
    await this.#store(metaOf(request, outcome, children, this.#now()));
    const part = partOf(outcome);
    const own = chordTaskOf(request);
    if (own !== undefined) await this.#join(own, part, request);
    if (part.failure !== undefined) {
      const unrun = await stepsThatNeverRun(request, this.#options.producer.canvases);
      await this.#failAll(unrun, part.failure, request);
    }
  }

  async #outcomeOf(request: TaskRequest): Promise<Exclude<PoolOutcome, { kind: "retry" }>> {
    for (let next = request; ;) {
      const outcome = await runTask(asReceived(next, this.#options), HOOKS, this.#options);
      if (outcome.kind !== "retry") return outcome;
      next = retryRequest(next, { ...outcome, delayMs: 0 }, this.clock.now());
    }
  }

  async #followUps(request: TaskRequest, outcome: Ended): Promise<readonly ResultNode[]> {
    const { producer } = this.#options;
    if (outcome.kind === "threw") await this.#tellErrbacks(request, request.followUps.errbacks, outcome.failure);
    if (outcome.kind !== "returned") return [];
    const added = await this.#addToChord(request, outcome.added);
    const followUps = await followUpsOfSuccess(request, outcome.value, producer);
    await this.runAll(followUps);
    return [...added, ...followUps.results];
  }

  async #addToChord(request: TaskRequest, added: EncodedJson | undefined): Promise<readonly ResultNode[]> {
    if (added === undefined) return [];
    const dispatch = await additionsOf(request, added, this.#options.producer);
    const { chords } = await this.resultBackend();
    await chords.grow(request.groupId as string, dispatch.results.flatMap(tasksOfResult));
    await this.runAll(dispatch);
    return dispatch.results;
  }

  /** The last member of a chord that ends runs its body, or fails it. */
  async #join({ member, body }: ChordTask, part: Part, request: TaskRequest): Promise<void> {
    const { chords, groups } = await this.resultBackend();
    const join = await chords.join(member, { state: part.state, result: part.result });
    if (join.kind !== "complete") return;
    const culprit = culpritOf(join.parts);
    if (culprit === undefined) {
      const results = resultsOfMembers(join.parts, await groups.restore(member.chordId));
      await this.runAll(await bodyOfChord(body, results, request, this.#options.producer));
    } else {
      const failed = failureBy(culprit, body);
      for (const { errbacks, ...call } of errbacksWithin(body))
        await this.#tellErrbacks({ ...call, rootId: request.rootId }, errbacks, failed);
      await this.#failAll(tasksWithin(body), failed, request);
    }
    await chords.end(member, culprit === undefined ? "sent" : "failed");
  }

  /** What will never run has failed, and so have the chords that wait for it. */
  async #failAll(tasks: readonly SignatureDict[], failure: Failure, request: TaskRequest): Promise<void> {
    for (const task of tasks) {
      for (const ids of idsOfCall(task))
        await this.#store(failedMeta({ ...ids, parentId: null }, failure, [], this.#now()));
      const own = chordTaskWithin(task);
      if (own !== undefined) await this.#join(own, failedPart(failure), request);
    }
  }

  async #tellErrbacks(failed: FailedCall, errbacks: readonly SignatureDict[], failure: Failure): Promise<void> {
    await this.runAll(await prepareErrbacks(failed, errbacks, failure, this.#options));
  }

  async #store(meta: TaskMeta): Promise<void> {
    const backend = await this.resultBackend();
    await backend.store([decodeMeta(encodeMeta(meta))]);
  }

  #now(): Date {
    return new Date(this.clock.now());
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

  resultOf(node: ResultNode): AsyncResult | GroupResult {
    return resultOf(node, this);
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

function metaOf(request: TaskRequest, outcome: Ended, followUps: readonly ResultNode[], doneAt: Date): TaskMeta {
  const { id: taskId, parentId, groupId } = request;
  const ids = { taskId, parentId, groupId };
  const meta = { ...ids, doneAt, children: [], traceback: null };
  switch (outcome.kind) {
    case "returned": {
      const children = childrenOf([...outcome.children, ...followUps]);
      return { ...meta, state: "SUCCESS", result: outcome.value, children };
    }
    case "threw":
      return failedMeta(ids, outcome.failure, outcome.children, doneAt);
    case "rejected":
      return { ...meta, state: "REJECTED", result: outcome.reason.detail };
    default:
      return { ...meta, state: "IGNORED", result: null };
  }
}

function failedMeta(
  ids: Pick<TaskMeta, "taskId" | "parentId" | "groupId">,
  failure: Failure,
  children: readonly ResultNode[],
  doneAt: Date,
): TaskMeta {
  const { traceback } = failure;
  const result = failureDocument(failure);
  return { ...ids, state: "FAILURE", result, traceback, doneAt, children: childrenOf(children) };
}

/** What a chord learns of a member, and why it fails. */
interface Part extends Omit<ChordPart, "taskId"> {
  readonly failure?: Failure;
}

function partOf(outcome: Ended): Part {
  switch (outcome.kind) {
    case "returned":
      return { state: "SUCCESS", result: outcome.value };
    case "threw":
      return failedPart(outcome.failure);
    case "rejected":
      return failedPart(rejected(outcome.reason.detail));
    default:
      return failedPart(ignored());
  }
}

function failedPart(failure: Failure): Part {
  return { state: "FAILURE", result: failureDocument(failure), failure };
}

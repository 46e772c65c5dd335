import type { RevokeOptions } from "../app/revocation-claims.ts";
import { nodeOf, type ResultNode } from "../backend/groups.ts";
import { isReady, type TaskMeta, type TaskState } from "../backend/task-meta.ts";
import { untilAborted } from "../util/until-aborted.ts";
import { within } from "../util/within.ts";
import { CanvasResult, type GetOptions, type ResultSource } from "./canvas-result.ts";
import { ResultTimeoutError } from "./errors.ts";
import { outcomeOf, valueOf } from "./outcome.ts";
import { joinLeaves } from "./leaf-outcomes.ts";

/**
 * The result of a task that was sent: it may not exist yet. Not a thenable on purpose: `await task.delay()` gives the
 * result object as soon as the broker has the message, and `await result.get()` waits for the task.
 */
export class AsyncResult<Result = unknown> extends CanvasResult<Result> {
  /** Id of the task that sent this one. */
  readonly parentId: string | null;

  constructor(source: ResultSource, node: ResultNode, parentId: string | null = null) {
    super(source, node);
    this.parentId = parentId;
  }

  /**
   * The task's value, once it has ended. Rejects with TaskFailedError, TaskRevokedError, ResultTimeoutError, or the
   * signal's reason. Where a step before it failed or was revoked, so that this task never runs, it rejects with the error of that one.
   */
  async get(options: GetOptions = {}): Promise<Result> {
    const { node, source } = this;
    if (node.parent === null) return valueOf(outcomeOf(await this.#ended(options))) as Result;
    const overdue = (timeoutMs: number): Error => new ResultTimeoutError(this.id, timeoutMs);
    return joinLeaves(node, source, options, overdue) as Promise<Result>;
  }

  /** The state as last stored; PENDING when nothing is known of the task, be it waiting or never sent. */
  async state(): Promise<TaskState> {
    return (await this.meta())?.state ?? "PENDING";
  }

  /** Whether the task has ended. */
  async ready(): Promise<boolean> {
    return isReady(await this.state());
  }

  /** All that is stored of the task. */
  async meta(): Promise<TaskMeta | undefined> {
    const backend = await this.source.resultBackend();
    return (await backend.fetch([this.id])).get(this.id);
  }

  /** Results of the tasks and groups that this one sent, known once it has ended. */
  async children(): Promise<readonly CanvasResult[]> {
    const tuples = (await this.meta())?.children ?? [];
    return tuples.flatMap((tuple) => this.#childOf(tuple));
  }

  /**
   * Keeps the task from starting, wherever and whenever that would be, and stores REVOKED at once unless it has ended. A run
   * that is under way is ended within a second or two with `terminate`; without, it goes on, and its outcome replaces REVOKED.
   * Celery: `celery/worker/control.py:_revoke`.
   */
  async revoke(options?: RevokeOptions): Promise<void> {
    await this.source.revoke([this.id], options);
  }

  async #ended({ timeoutMs, signal }: GetOptions): Promise<TaskMeta> {
    if (timeoutMs === undefined) return this.#watch(signal);
    const error = (): Error => new ResultTimeoutError(this.id, timeoutMs);
    return within({ clock: this.source.clock, ms: timeoutMs, error, signal }, (until) => this.#watch(until.signal));
  }

  async #watch(signal: AbortSignal | undefined): Promise<TaskMeta> {
    const watcher = await untilAborted(this.source.resultWatcher(), signal);
    return watcher.ended(this.id, { signal });
  }

  /** What is no tuple is left out. */
  #childOf(tuple: unknown): readonly CanvasResult[] {
    try {
      return [this.source.resultOf(nodeOf(tuple))];
    } catch {
      return [];
    }
  }
}

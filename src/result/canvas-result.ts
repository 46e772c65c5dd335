import type { RevokeOptions } from "../app/revocation-claims.ts";
import { tupleOf, type ResultNode } from "../backend/groups.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { Abortable } from "../util/abortable.ts";
import type { Clock } from "../util/clock.ts";
import { nodesOf } from "./result-tree.ts";
import type { ResultWatcher } from "./result-watcher.ts";

/** What a result needs of its app. */
export interface ResultSource {
  readonly clock: Clock;
  /** Rejects with ResultBackendUnavailableError when there is none. */
  resultBackend(): Promise<ResultBackend>;
  resultWatcher(): Promise<ResultWatcher>;
  revoke(taskIds: readonly string[], options?: RevokeOptions): Promise<void>;
  /** The result of a canvas whose ids are known. */
  resultOf(node: ResultNode): CanvasResult;
}

export interface GetOptions extends Abortable {
  /** How long to wait, in milliseconds. @default without end */
  readonly timeoutMs?: number;
}

/** What a canvas comes to: an AsyncResult or a GroupResult. Celery: `celery/result.py:ResultBase`. */
export abstract class CanvasResult<Result = unknown> {
  /** The task's id, or the group's. */
  readonly id: string;
  readonly #source: ResultSource;
  readonly #node: ResultNode;
  #parent: CanvasResult | undefined;

  constructor(source: ResultSource, node: ResultNode) {
    this.id = node.id;
    this.#source = source;
    this.#node = node;
  }

  /**
   * Of the step before it in its chain, be that a task or a group; a chord's body has its header there. Null where there is none, or where only the
   * id is known.
   */
  get parent(): CanvasResult | null {
    const { parent } = this.#node;
    return parent === null ? null : (this.#parent ??= this.#source.resultOf(parent));
  }

  /** The value, once all has ended. Rejects with TaskFailedError, TaskRevokedError, ResultTimeoutError, or the signal's reason. */
  abstract get(options?: GetOptions): Promise<Result>;

  /** Whether all has ended. */
  abstract ready(): Promise<boolean>;

  abstract revoke(options?: RevokeOptions): Promise<void>;

  /** Deletes what is stored, also of all steps before it; tasks that have not ended go on. */
  async forget(): Promise<void> {
    const backend = await this.#source.resultBackend();
    const nodes = nodesOf(this.#node);
    const idsOf = (wanted: readonly ResultNode[]): readonly string[] => wanted.map(({ id }) => id);
    await backend.forget(idsOf(nodes.filter(({ members }) => members === null)));
    await backend.groups.forget(idsOf(nodes.filter(({ members }) => members !== null)));
  }

  /** Celery's result tuple: a result that a task returns is stored as that. `app.resultFromTuple` reads it. */
  toJSON(): unknown {
    return tupleOf(this.#node);
  }

  protected get source(): ResultSource {
    return this.#source;
  }

  protected get node(): ResultNode {
    return this.#node;
  }
}

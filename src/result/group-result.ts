import type { RevokeOptions } from "../app/revocation-claims.ts";
import type { ResultNode } from "../backend/groups.ts";
import { isReady, type TaskState } from "../backend/task-meta.ts";
import type { AsyncResult } from "./async-result.ts";
import { CanvasResult, type GetOptions, type ResultSource } from "./canvas-result.ts";
import { ResultTimeoutError, type TaskFailedError, type TaskRevokedError } from "./errors.ts";
import { joinLeaves, leafOutcomes } from "./leaf-outcomes.ts";
import type { Outcome } from "./outcome.ts";
import { PendingMember } from "./pending-member.ts";
import { leavesOf, taskIdsOf } from "./result-tree.ts";

/** The result of a group's member: a task, or a group, whose values are a list. */
export type MemberResult<Value> =
  | AsyncResult<Value>
  | (unknown extends Value ? GroupResult : Value extends readonly unknown[] ? GroupResult<Value> : never);

/** How a member of a group ended, and which one. */
export type MemberOutcome<Value = unknown> = Outcome<Value> & {
  /** Its place in the group. */
  readonly index: number;
  readonly result: MemberResult<Value>;
};

/** What `propagate: false` makes of a group's values: where a member failed, its error. */
export type Settled<Results extends readonly unknown[]> = {
  [Index in keyof Results]: Results[Index] | TaskFailedError | TaskRevokedError;
};

/** How far the tasks of a group have come, those of the groups in it included. */
export interface GroupProgress {
  readonly total: number;
  /** How many have ended, well or not. */
  readonly done: number;
  /** How many are in each state; PENDING are those of which nothing is known. States that none is in are absent. */
  readonly states: Readonly<Partial<Record<TaskState, number>>>;
}

export interface JoinOptions extends GetOptions {
  /** Whether the first failure rejects; else its error stands in the place of the member's value. @default true */
  readonly propagate?: boolean;
}

/**
 * The results of a group. Waiting is one request to the result backend, however many they are. A member whose result has expired, or is ignored, is
 * PENDING to whoever begins to wait for it then. Celery: `celery/result.py:GroupResult`.
 */
export class GroupResult<Results extends readonly unknown[] = readonly unknown[]>
  extends CanvasResult<Results>
  implements AsyncIterable<MemberOutcome<Results[number]>>
{
  /** Of each member, in the group's order. */
  readonly results: { readonly [Index in keyof Results]: MemberResult<Results[Index]> };
  readonly #members: readonly ResultNode[];

  constructor(source: ResultSource, node: ResultNode & { readonly members: readonly ResultNode[] }) {
    super(source, node);
    this.#members = node.members;
    this.results = node.members.map((member) => source.resultOf(member)) as unknown as typeof this.results;
  }

  /**
   * The members' values in the group's order, once all have ended; those of a group in it are a list. Rejects as soon as one is known to have failed, with its
   * TaskFailedError or TaskRevokedError, unless `propagate` is false: the others go on. Rejects with ResultTimeoutError and the signal's reason, too.
   */
  get(options?: GetOptions & { readonly propagate?: true }): Promise<Results>;
  get(options: JoinOptions): Promise<Settled<Results>>;
  async get(options: JoinOptions = {}): Promise<unknown> {
    if (options.propagate !== false) return joinLeaves(this.node, this.source, options, this.#overdue);
    const values: unknown[] = new Array(this.#members.length);
    for await (const member of this.iterate(options))
      values[member.index] = member.status === "fulfilled" ? member.value : member.reason;
    return values;
  }

  /** The same as `get`. */
  join(options?: GetOptions & { readonly propagate?: true }): Promise<Results>;
  join(options: JoinOptions): Promise<Settled<Results>>;
  join(options: JoinOptions = {}): Promise<unknown> {
    return this.get(options);
  }

  /**
   * Each member as soon as its value or its failure is known. `timeoutMs` is for the whole: the loop throws ResultTimeoutError, or the signal's reason.
   * Leaving the loop ends the waiting.
   */
  async *iterate(options: GetOptions = {}): AsyncGenerator<MemberOutcome<Results[number]>, undefined> {
    const members = this.#members.map((node, index) => new PendingMember(node, index));
    const owners = members.flatMap((member) => Array.from({ length: member.size }, (_, place) => ({ member, place })));
    let left = members.length;
    for (const member of members.filter(({ size }) => size === 0)) {
      yield this.#outcome(member, member.value());
      left -= 1;
    }
    if (left === 0) return;
    for await (const { leaf, outcome } of leafOutcomes(this.node, this.source, options, this.#overdue)) {
      const { member, place } = owners[leaf] as (typeof owners)[number];
      const known = member.add(place, outcome);
      if (known === undefined) continue;
      yield this.#outcome(member, known);
      left -= 1;
      if (left === 0) return;
    }
  }

  /** As `iterate()`. */
  [Symbol.asyncIterator](): AsyncGenerator<MemberOutcome<Results[number]>, undefined> {
    return this.iterate();
  }

  /** Whether all tasks have ended, well or not. */
  async ready(): Promise<boolean> {
    const { done, total } = await this.progress();
    return done === total;
  }

  /** Whether some task has not ended. */
  async waiting(): Promise<boolean> {
    return !(await this.ready());
  }

  /** Whether all tasks have succeeded. */
  async successful(): Promise<boolean> {
    const { states, total } = await this.progress();
    return (states.SUCCESS ?? 0) === total;
  }

  /** Whether a task has failed; one that was revoked has not. */
  async failed(): Promise<boolean> {
    const { states } = await this.progress();
    return states.FAILURE !== undefined;
  }

  /** How many members have succeeded; a group in it is one. Celery: `celery/result.py:ResultSet.completed_count`. */
  async completedCount(): Promise<number> {
    const states = await this.#states();
    const hasSucceeded = (member: ResultNode): boolean => leavesOf(member).every(({ id }) => states(id) === "SUCCESS");
    return this.#members.filter(hasSucceeded).length;
  }

  /** How far all tasks have come, by one reading of what is stored. */
  async progress(): Promise<GroupProgress> {
    const stateOf = await this.#states();
    const leaves = leavesOf(this.node);
    const states: Partial<Record<TaskState, number>> = {};
    for (const { id } of leaves) states[stateOf(id)] = (states[stateOf(id)] ?? 0) + 1;
    return { total: leaves.length, done: leaves.filter(({ id }) => isReady(stateOf(id))).length, states };
  }

  /** Revokes all tasks of the group that have not ended, also those that come before others in a member's chain: see `AsyncResult.revoke`. */
  async revoke(options?: RevokeOptions): Promise<void> {
    await this.source.revoke(this.#members.flatMap(taskIdsOf), options);
  }

  /** Keeps what the group consists of for `app.restoreGroup`, here or in Python, as long as results are kept. Resolves once it survives a restart. */
  async save(): Promise<void> {
    const backend = await this.source.resultBackend();
    await backend.groups.save(this.node);
  }

  async #states(): Promise<(taskId: string) => TaskState> {
    const backend = await this.source.resultBackend();
    const metas = await backend.fetch([...new Set(leavesOf(this.node).map(({ id }) => id))]);
    return (taskId) => metas.get(taskId)?.state ?? "PENDING";
  }

  #outcome({ index }: PendingMember, outcome: Outcome): MemberOutcome<Results[number]> {
    return { ...outcome, index, result: this.results[index] } as MemberOutcome<Results[number]>;
  }

  readonly #overdue = (timeoutMs: number): Error => new ResultTimeoutError(this.id, timeoutMs, "group");
}

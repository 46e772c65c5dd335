import { lineOf, type ResultNode } from "../backend/groups.ts";
import { isReady, type TaskMeta } from "../backend/task-meta.ts";
import { Batcher } from "../util/batcher.ts";
import type { ResultSource } from "./canvas-result.ts";
import { outcomeOf, type Outcome } from "./outcome.ts";
import { taskIdsOf } from "./result-tree.ts";

export interface LeafListener {
  /** Of each leaf once, by its place. */
  readonly hear: (leaf: number, outcome: Outcome) => void;
  /** No more will be told. */
  readonly fail: (error: unknown) => void;
}

/** Part of a canvas that begins only when a step before it has succeeded. */
interface Scope {
  readonly before: ResultNode;
  readonly outer: Scope | null;
}

interface Leaf {
  readonly place: number;
  readonly id: string;
  readonly scope: Scope | null;
}

/** Leaves from one place up to another: those that a task's end concerns. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** A leaf that failed, or never runs, and the record that says so. */
interface FailedLeaf {
  readonly leaf: Leaf;
  readonly heard: TaskMeta;
}

/**
 * Watches the leaves of a canvas, and the tasks before them in their chains, whose failure means that they never run. What failed is looked at once
 * more, with all before it, so that who waits hears of the first failure, whichever record came first. Members of a chord's header are only looked at
 * then: its body fails with them.
 */
export class LeafWatch {
  readonly #source: ResultSource;
  readonly #listener: LeafListener;
  readonly #leaves: Leaf[] = [];
  readonly #ends = new Map<string, Range[]>();
  readonly #steps = new Map<string, Range[]>();
  /** Leaves of whose end nothing was heard yet. */
  readonly #open = new Set<Leaf>();
  readonly #failures = new Batcher<FailedLeaf, Outcome>((failed) => this.#explain(failed));
  /** How many are still to be told of. */
  #left: number;
  #isStopped = false;
  #stopWatching: (() => void) | undefined;

  constructor(root: ResultNode, source: ResultSource, listener: LeafListener) {
    this.#source = source;
    this.#listener = listener;
    this.#add(root, null);
    for (const leaf of this.#leaves) this.#open.add(leaf);
    this.#left = this.#open.size;
  }

  /** How many leaves there are. */
  get size(): number {
    return this.#leaves.length;
  }

  /** Begins to watch, at once or as soon as the app is connected. */
  start(): void {
    this.#source.resultWatcher().then(
      (watcher) => {
        if (this.#isStopped) return;
        const listener = { hear: (meta: TaskMeta) => this.#hear(meta), fail: this.#listener.fail };
        this.#stopWatching = watcher.follow([...this.#ends.keys(), ...this.#steps.keys()], listener);
      },
      (error: unknown) => this.#listener.fail(error),
    );
  }

  /** Nothing is told after it. Calling it again is fine. */
  stop(): void {
    this.#isStopped = true;
    this.#stopWatching?.();
  }

  #add(node: ResultNode, outer: Scope | null): void {
    const from = this.#leaves.length;
    const scope = node.parent === null ? outer : { before: node.parent, outer };
    if (node.members === null) this.#leaves.push({ place: from, id: node.id, scope });
    else for (const member of node.members) this.#add(member, scope);
    const range = { from, to: this.#leaves.length };
    if (node.members === null) note(this.#ends, node.id, range);
    for (const step of lineOf(node.parent)) if (step.members === null) note(this.#steps, step.id, range);
  }

  #hear(meta: TaskMeta): void {
    const isSuccess = meta.state === "SUCCESS";
    for (const leaf of this.#closeIn(this.#ends.get(meta.taskId))) {
      if (isSuccess || leaf.scope === null) this.#tell(leaf, outcomeOf(meta));
      else this.#tellWhy({ leaf, heard: meta });
    }
    if (isSuccess) return;
    for (const leaf of this.#closeIn(this.#steps.get(meta.taskId))) this.#tellWhy({ leaf, heard: meta });
  }

  /** Those of them that are open, and are no longer then. */
  *#closeIn(ranges: readonly Range[] = []): Iterable<Leaf> {
    for (const { from, to } of ranges)
      for (const leaf of this.#leaves.slice(from, to)) if (this.#open.delete(leaf)) yield leaf;
  }

  #tellWhy(failed: FailedLeaf): void {
    const tell = (outcome: Outcome): void => this.#tell(failed.leaf, outcome);
    // What was heard is an answer, too, where nothing can be looked at.
    this.#failures.submit(failed, tell, () => tell(outcomeOf(failed.heard)));
  }

  #tell({ place }: Leaf, outcome: Outcome): void {
    if (this.#isStopped) return;
    this.#listener.hear(place, outcome);
    this.#left -= 1;
    if (this.#left === 0) this.stop();
  }

  async #explain(failed: readonly FailedLeaf[]): Promise<readonly Outcome[]> {
    const taskIds = new Set(failed.map(({ leaf }) => leaf.id));
    for (const scope of scopesOf(failed)) for (const id of taskIdsOf(scope.before)) taskIds.add(id);
    const backend = await this.#source.resultBackend();
    const metas = await backend.fetch([...taskIds]);
    const failures = new Map<Scope | null, TaskMeta | undefined>([[null, undefined]]);
    const failureBefore = (scope: Scope | null): TaskMeta | undefined => {
      if (scope === null) return undefined;
      if (!failures.has(scope)) failures.set(scope, failureBefore(scope.outer) ?? firstFailure(scope.before, metas));
      return failures.get(scope);
    };
    return failed.map(({ leaf, heard }) => {
      const own = metas.get(leaf.id);
      if (own?.state === "SUCCESS") return outcomeOf(own);
      return outcomeOf(failureBefore(leaf.scope) ?? heard);
    });
  }
}

function note(ranges: Map<string, Range[]>, taskId: string, range: Range): void {
  const known = ranges.get(taskId);
  if (known === undefined) ranges.set(taskId, [range]);
  else known.push(range);
}

function scopesOf(failed: readonly FailedLeaf[]): ReadonlySet<Scope> {
  const scopes = new Set<Scope>();
  for (const { leaf } of failed)
    for (let { scope } = leaf; scope !== null && !scopes.has(scope); scope = scope.outer) scopes.add(scope);
  return scopes;
}

function firstFailure(before: ResultNode, metas: ReadonlyMap<string, TaskMeta>): TaskMeta | undefined {
  for (const id of taskIdsOf(before)) {
    const meta = metas.get(id);
    if (meta !== undefined && isReady(meta.state) && meta.state !== "SUCCESS") return meta;
  }
  return undefined;
}

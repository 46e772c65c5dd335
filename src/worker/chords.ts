import { chordTaskOf, chordTaskWithin, errbacksWithin, tasksWithin, type ChordTask } from "../app/composites.ts";
import { callsOfBody, errbacksOf, stepsThatNeverRun } from "../app/follow-ups.ts";
import type { ChordPart } from "../backend/chords.ts";
import {
  describeFailure,
  failureDocument,
  failureOf,
  readFailure,
  reprFailure,
  type Failure,
} from "../backend/failure.ts";
import type { ResultNode } from "../backend/groups.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { Delivery } from "../broker/broker.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import { chordError } from "./failures.ts";
import type { WorkerParts } from "./parts.ts";
import { ChordClaimedError, isPassing, persist } from "./persist.ts";
import type { TaskRecord } from "./record.ts";
import { sendErrbacks, sendOnce } from "./send-on.ts";

/** How a member ended. */
type Outcome = Omit<ChordPart, "taskId">;

/**
 * The chords that wait for one task. A task that has ended joins its chord; who joins last sends the body, or tells all that wait for it that it
 * will never run. The chord is ended after that, so that a worker that dies in between leaves it to the member's next run.
 *
 *     joined ─▶ complete ─▶ all succeeded ─▶ body sent ─────────────────▶ ended
 *        │          │            └─ body cannot be sent ─┐
 *        │          └─ a member failed ─────────────────▶┴─ body failed ─▶ ended
 *        ├─ waiting, over
 *        └─ claimed ─▶ joined again
 */
export class Chords {
  readonly #request: TaskRequest;
  readonly #delivery: Delivery;
  readonly #record: TaskRecord;
  readonly #parts: WorkerParts;
  readonly #backend: ResultBackend;

  constructor(
    request: TaskRequest,
    delivery: Delivery,
    record: TaskRecord,
    { parts, backend }: { readonly parts: WorkerParts; readonly backend: ResultBackend },
  ) {
    this.#request = request;
    this.#delivery = delivery;
    this.#record = record;
    this.#parts = parts;
    this.#backend = backend;
  }

  /** The task joins its chord; where it has not succeeded, so do the later steps of its chain, which will never run. */
  async joinAll(outcome: Outcome): Promise<void> {
    const own = chordTaskOf(this.#request);
    if (own !== undefined) await this.#join(own, outcome);
    if (outcome.state !== "SUCCESS") await this.#joinUnrun(stepsThatNeverRun(this.#request), outcome);
  }

  async #joinUnrun(tasks: readonly SignatureDict[], outcome: Outcome): Promise<void> {
    for (const task of tasks.map(chordTaskWithin)) if (task !== undefined) await this.#join(task, outcome);
  }

  async #join(task: ChordTask, outcome: Outcome): Promise<void> {
    const end = await this.#persist(() => this.#joinOrSend(task, outcome));
    if (end === "not ours") return;
    if (end !== "sent") await this.#failBody(task.body, end.failure);
    await this.#persist(() => this.#backend.chords.end(task.member));
  }

  /** Joins anew before every try to send: the claim on the body is renewed, or seen to be lost. */
  async #joinOrSend(
    { member, body }: ChordTask,
    outcome: Outcome,
  ): Promise<"not ours" | "sent" | { readonly failure: Failure }> {
    let step = "Join";
    try {
      const join = await this.#backend.chords.join(member, outcome);
      if (join.kind === "claimed") throw new ChordClaimedError(member.chordId);
      if (join.kind !== "complete") return "not ours";
      const culprit = join.parts.find(({ state }) => state === "FAILURE" || state === "REVOKED");
      if (culprit !== undefined) return { failure: dependencyFailure(culprit) };
      const results = resultsOf(join.parts, await this.#backend.groups.restore(member.chordId));
      step = "Callback";
      await sendOnce(
        await callsOfBody(body, results, this.#request, this.#parts.producer),
        this.#parts,
        this.#delivery,
      );
      return "sent";
    } catch (error) {
      if (isPassing(error)) throw error;
      return { failure: chordError(`${step} error: ${describeFailure(failureOf(error))}`) };
    }
  }

  /** All that the body stood for is stored as failed; its errbacks and its own chord learn of it. Celery: `base.py:Backend.chord_error_from_stack`. */
  async #failBody(body: SignatureDict, failure: Failure): Promise<void> {
    const { producer } = this.#parts;
    const { rootId } = this.#request;
    for (const { id, errbacks } of errbacksWithin(body)) {
      const prepare = () => errbacksOf({ id, rootId }, errbacks, producer);
      await sendErrbacks(prepare, this.#request, this.#parts, this.#delivery);
    }
    const tasks = tasksWithin(body);
    const metas = tasks.flatMap((task) => this.#record.neverRun(task, failure) ?? []);
    await this.#persist(() => this.#backend.store(metas));
    await this.#joinUnrun(tasks, { state: "FAILURE", result: failureDocument(failure) });
  }

  #persist<T>(step: () => Promise<T>): Promise<T> {
    return persist(step, this.#parts, this.#delivery);
  }
}

function dependencyFailure({ taskId, result }: ChordPart): Failure {
  return chordError(`Dependency ${taskId} raised ${reprFailure(readFailure(result, null))}`);
}

/** In the header's order; nested as the header was where that was kept. */
function resultsOf(parts: readonly ChordPart[], header: ResultNode | undefined): readonly unknown[] {
  const inOrder = parts.map(({ result }) => result);
  const nodes = header?.members ?? null;
  if (nodes === null) return inOrder;
  const byTask = new Map(parts.map(({ taskId, result }) => [taskId, result]));
  const valueOf = ({ id, members }: ResultNode): unknown => (members === null ? byTask.get(id) : members.map(valueOf));
  return nodes.map(valueOf);
}

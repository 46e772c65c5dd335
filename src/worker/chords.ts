import { announce } from "../app/dispatch.ts";
import { bodyOfChord, stepsThatNeverRun } from "../app/follow-ups.ts";
import { chordError, culpritOf, failureBy, isChordError, resultsOfMembers } from "../backend/chord-outcome.ts";
import type { ChordDeadline, ChordPart, OverdueChord } from "../backend/chords.ts";
import { describeFailure, failureDocument, failureOf, readFailure, type Failure } from "../backend/failure.ts";
import type { ResultNode } from "../backend/groups.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { chordTaskOf, chordTaskWithin, errbacksWithin, tasksWithin, type ChordTask } from "../canvas/unrun.ts";
import { encodeJson } from "../message/json.ts";
import type { SignatureDict, TaskRequest } from "../message/task-request.ts";
import { readyErrbacks, sendErrbacks } from "./errbacks.ts";
import type { WorkerParts } from "./parts.ts";
import { ChordClaimedError, isPassing, persist, type Held } from "./persist.ts";
import type { TaskRecord } from "./record.ts";
import { sendOnce } from "./send-on.ts";
import type { LoggedTask } from "./task-fields.ts";

/** How a member ended. */
type Outcome = Omit<ChordPart, "taskId">;

/** A body that never runs, by what it is as a whole: a message may name what is stored elsewhere. */
interface FailedBody {
  readonly failureOf: (whole: SignatureDict) => Failure;
}

/** In whose name the chords learn of it: a task that has ended, or a body whose members do not come. */
export type Teller = LoggedTask & Pick<TaskRequest, "id" | "rootId">;

/**
 * The chords that wait for one task. A task that has ended joins its chord; who joins last sends the body, or tells all that wait for it that it
 * will never run. The chord is ended after that, so that a worker that dies in between leaves it to the member's next run.
 *
 *     joined ─▶ complete ─▶ all succeeded ─▶ body sent ─────────────────▶ ended
 *        │          │            └─ body cannot be sent ─┐
 *        │          └─ a member failed ─────────────────▶┴─ body failed ─▶ ended
 *        ├─ waiting, over             members that do not come ─▶ body failed ─▶ ended
 *        ├─ unwatched ─▶ deadline set
 *        └─ claimed ─▶ joined again
 */
export class Chords {
  readonly #teller: Teller;
  readonly #delivery: Held;
  readonly #record: Pick<TaskRecord, "neverRun">;
  readonly #parts: WorkerParts;
  readonly #backend: ResultBackend;
  /** Chords whose bodies' own chords have been announced: what is told twice begins anew. */
  readonly #announced = new Set<string>();
  /** Errbacks of bodies that have failed, in their JSON form. */
  readonly #heard = new Set<string>();

  constructor(
    teller: Teller,
    delivery: Held,
    record: Pick<TaskRecord, "neverRun">,
    { parts, backend }: { readonly parts: WorkerParts; readonly backend: ResultBackend },
  ) {
    this.#teller = teller;
    this.#delivery = delivery;
    this.#record = record;
    this.#parts = parts;
    this.#backend = backend;
  }

  /** The task joins its chord; where it has not succeeded, so do the later steps of its chain, which will never run. */
  async joinAll(request: TaskRequest, outcome: Outcome): Promise<void> {
    const own = chordTaskOf(request);
    if (own !== undefined) await this.#join(own, outcome);
    if (outcome.state === "SUCCESS") return;
    const { canvases } = this.#parts.producer;
    await this.#joinUnrun(await this.#persist(() => stepsThatNeverRun(request, canvases)), outcome);
  }

  /**
   * Its members do not come: the body fails, unless something is known of it; false then. Others sent it, or made it fail and were killed before all had
   * been told: its errbacks are told again, for nobody knows of them.
   */
  async failOverdue({ claim, deadline }: OverdueChord, failure: Failure): Promise<boolean> {
    const body = await this.#whole(deadline.body);
    const ids = tasksWithin(body).flatMap(({ options: { task_id: id } }) => (typeof id === "string" ? [id] : []));
    const known = [...(await this.#persist(() => this.#backend.fetch(ids))).values()];
    const [first] = known;
    if (first === undefined) await this.#failBody(body, failure);
    else if (known.every(({ state }) => state === "FAILURE")) {
      const before = readFailure(first.result, first.traceback);
      await (isChordError(before) ? this.#failBody(body, before) : this.#joinFailed(body, before));
    }
    await this.#persist(() => this.#backend.chords.end(claim, "failed"));
    return known.length === 0;
  }

  async #joinUnrun(tasks: readonly SignatureDict[], outcome: Outcome): Promise<void> {
    for (const task of tasks.map(chordTaskWithin)) if (task !== undefined) await this.#join(task, outcome);
  }

  async #join(task: ChordTask, outcome: Outcome): Promise<void> {
    const end = await this.#persist(() => this.#joinOrSend(task, outcome));
    if (end === "not ours") return;
    if (end !== "sent") {
      const body = await this.#whole(task.body);
      await this.#failBody(body, end.failureOf(body));
    }
    await this.#persist(() => this.#backend.chords.end(task.member, end === "sent" ? "sent" : "failed"));
  }

  /** Joins anew before every try to send: the claim on the body is renewed, or seen to be lost. */
  async #joinOrSend({ member, body }: ChordTask, outcome: Outcome): Promise<"not ours" | "sent" | FailedBody> {
    let step = "Join";
    try {
      const join = await this.#backend.chords.join(member, outcome);
      if (join.kind === "claimed") throw new ChordClaimedError(member.chordId);
      if (join.kind === "unwatched") await this.#watch(member.chordId, body);
      if (join.kind !== "complete") return "not ours";
      const culprit = culpritOf(join.parts);
      if (culprit !== undefined) return { failureOf: (whole) => failureBy(culprit, whole) };
      const results = resultsOfMembers(join.parts, await this.#backend.groups.restore(member.chordId));
      step = "Callback";
      const dispatch = await bodyOfChord(body, results, this.#teller, this.#parts.producer);
      if (!this.#announced.has(member.chordId)) await announce(dispatch, this.#backend);
      this.#announced.add(member.chordId);
      await sendOnce(dispatch, this.#parts, this.#delivery);
      return "sent";
    } catch (error) {
      if (isPassing(error)) throw error;
      const failure = chordError(`${step} error: ${describeFailure(failureOf(error))}`);
      return { failureOf: () => failure };
    }
  }

  /** Its sender has said nothing of a deadline: Python's do not. */
  async #watch(chordId: string, body: SignatureDict): Promise<void> {
    const { resultChordDeadline: seconds } = this.#parts.config;
    if (seconds === undefined) return;
    const deadline: ChordDeadline = { ms: seconds * 1000, body, rootId: this.#teller.rootId };
    await this.#backend.chords.watch(chordId, deadline);
  }

  /** All that the body stood for is stored as failed, with the results of its errbacks; then they and its own chord learn of it. Celery: `base.py:Backend.chord_error_from_stack`. */
  async #failBody(body: SignatureDict, failure: Failure): Promise<void> {
    const { rootId } = this.#teller;
    const told = new Map<string, readonly ResultNode[]>();
    const calls = errbacksWithin(body).map(({ errbacks, ...call }) => ({ errbacks, call: { ...call, rootId } }));
    const sends: (() => Promise<void>)[] = [];
    for (const { errbacks, call } of calls) {
      const untold = errbacks.filter((errback) => !this.#hasHeard(errback));
      const dispatch = await readyErrbacks(call, untold, failure, this.#parts);
      told.set(call.id, dispatch.results);
      sends.push(() => sendErrbacks(call, dispatch, this.#parts, this.#delivery));
    }
    const metas = tasksWithin(body).flatMap((task) => this.#record.neverRun(task, failure, told) ?? []);
    await this.#persist(() => this.#backend.store(metas));
    for (const send of sends) await send();
    for (const { errbacks } of calls) errbacks.forEach((errback) => this.#heard.add(encodeJson(errback, "errback")));
    await this.#joinFailed(body, failure);
  }

  /** Celery's clients give an errback of a chord to the chords within it too: one that is told nothing hears but once of what one failure comes to. */
  #hasHeard(errback: SignatureDict): boolean {
    return errback.immutable && this.#heard.has(encodeJson(errback, "errback"));
  }

  /** With all that it leads to: for who fails it. */
  #whole(body: SignatureDict): Promise<SignatureDict> {
    return this.#persist(() => this.#parts.producer.canvases.whole(body));
  }

  async #joinFailed(body: SignatureDict, failure: Failure): Promise<void> {
    await this.#joinUnrun(tasksWithin(body), { state: "FAILURE", result: failureDocument(failure) });
  }

  #persist<T>(step: () => Promise<T>): Promise<T> {
    return persist(step, this.#parts, this.#delivery);
  }
}

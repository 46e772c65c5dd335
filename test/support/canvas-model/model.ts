import { pythonRepr } from "../../../src/message/python-repr.ts";
import {
  chain,
  chord,
  isAlone,
  linksOf,
  stepsWithin,
  task,
  type Canvas,
  type Chain,
  type Chord,
  type Step,
} from "./canvas.ts";
import type { Quirk } from "./quirks.ts";

/** What must come of a canvas. Ids are names: `Dependency a raised …`. */
export interface Outcome {
  /** Each run of a body, and what it was given. */
  readonly runs: readonly Run[];
  readonly errbacks: readonly ErrbackCall[];
  /** How each task ended, by its name. All do, but those that were to come of what did not run: links, replacements. */
  readonly ends: ReadonlyMap<string, End>;
  /** What the whole gives, nested as its groups are, or why it gives nothing. */
  readonly told: Told;
}

export interface Run {
  readonly name: string;
  readonly args: readonly unknown[];
}

export interface ErrbackCall {
  readonly name: string;
  /** Whose failure it hears of. */
  readonly failed: string;
  /** Why Celery does not call it. */
  readonly quirk: Quirk | undefined;
}

export type End = { readonly state: "SUCCESS"; readonly value: unknown } | Fault;

/** Why a task has no value. */
export interface Fault {
  readonly state: "FAILURE" | "REVOKED";
  readonly type: string;
  readonly message: string;
  /** Why Celery stores nothing. */
  readonly quirk: Quirk | undefined;
  /** Of a ChordError: how the member ended that it speaks of. */
  readonly cause?: Fault;
}

type Told = { readonly value: unknown } | { readonly fault: Fault };

/** How a canvas ended: a task's end, or those of a group's members. */
type Ending = Leaf | readonly Ending[];

interface Leaf {
  /** Whose result it is. */
  readonly name: string;
  readonly end: End;
  /** Why a chord that it is a member of does not hear of it in Celery. */
  readonly unheard?: Quirk;
  /** Whether Celery may have made the steps behind it part of the body of a chord. */
  readonly isInBody?: boolean;
}

/** What a canvas has from what it is part of. */
interface Context {
  readonly links: readonly Canvas[];
  readonly errbacks: readonly string[];
  /** The task whose place and id its last task takes. */
  readonly standsFor: string | undefined;
  /** Whether more steps of its chain stand behind it. */
  readonly isFollowed: boolean;
}

const ALONE: Context = { links: [], errbacks: [], standsFor: undefined, isFollowed: false };

/** Makes one result of those of a group that replaces a task. Celery: `celery/app/builtins.py`. */
const ACCUMULATE = task("celery.accumulate");

/** What must come of a canvas that is sent, as `celery/canvas.py`, `celery/app/task.py` and `celery/backends/base.py` define it. */
export function outcomeOf(canvas: Canvas): Outcome {
  const play = new Play();
  const told = toldOf(play.run(canvas, [], ALONE));
  const { runs, errbacks, ends } = play;
  for (const { name, fate } of stepsWithin(canvas)) {
    // That is stored when they are revoked, whether it ever comes to them or not.
    if (fate === "revoked" && !ends.has(name)) ends.set(name, revoked(fate));
  }
  return { runs, errbacks, ends, told };
}

class Play {
  readonly runs: Run[] = [];
  readonly errbacks: ErrbackCall[] = [];
  readonly ends = new Map<string, End>();
  /** Of tasks that others have added to their chord. */
  readonly #added: Ending[] = [];

  /** It is begun, with what was before it. */
  run(canvas: Canvas, given: readonly unknown[], context: Context): Ending {
    switch (canvas.kind) {
      case "task":
        return this.#runStep(canvas, given, context);
      case "chain":
        return this.#runSteps(stepsOf(canvas, context), given, context);
      case "group": {
        const { errbacks } = withOwn(canvas, context);
        return flat(canvas.members).map((member) => this.run(member, given, { ...ALONE, errbacks }));
      }
      case "chord": {
        const header = flat(canvas.header).flatMap((member) => [
          this.run(member, given, ALONE),
          ...this.#added.splice(0),
        ]);
        return this.#runAfter(canvas.body, header, withOwn(canvas, context));
      }
    }
  }

  #runStep(step: Step, given: readonly unknown[], context: Context): Ending {
    const { fate = "well" } = step;
    const args = step.immutable === true ? [] : given;
    const { links, errbacks } = withOwn(step, context);
    const name = context.standsFor ?? step.name;
    if (step.name === ACCUMULATE.name) return this.#succeed(name, args[0], links);
    if (fate === "revoked" || fate === "expired") return this.#end(name, revoked(fate));
    this.runs.push({ name: step.name, args });
    if (fate === "fails") return this.#fail(name, failure("ValueError", step.name), errbacks);
    if (fate === "retried" || fate === "killed" || fate === "redelivered") this.runs.push({ name: step.name, args });
    if (!isAlone(fate)) {
      if ("becomes" in fate)
        return this.run(asOne(fate.becomes), [], { links, errbacks, standsFor: name, isFollowed: context.isFollowed });
      this.#added.push(this.run(fate.adds, [], ALONE));
    }
    return this.#succeed(name, [step.name, ...args], links);
  }

  #runSteps(steps: readonly Canvas[], given: readonly unknown[], context: Context): Ending {
    const [first, ...rest] = steps;
    if (first === undefined) return [];
    return this.#runRest(this.run(first, given, contextOfFirst(rest, context)), rest, context);
  }

  #runRest(before: Ending, steps: readonly Canvas[], context: Context): Ending {
    const [first, ...rest] = steps;
    if (first === undefined) return before;
    return this.#runRest(this.#runAfter(first, before, contextOfFirst(rest, context)), rest, context);
  }

  /** It is given what was before it. That may be a group, which is a chord's header then, and it the body. */
  #runAfter(canvas: Canvas, before: Ending, context: Context): Ending {
    const told = toldOf(before);
    if ("value" in told) return this.run(canvas, [told.value], context);
    if (!isLeaf(before)) return this.#failBody(canvas, told.fault, context);
    const fault = told.fault.state === "REVOKED" ? quirky(told.fault, "after a revoked step") : told.fault;
    const isInBody = before.isInBody === true || canvas.kind === "chord";
    const known = isInBody && context.isFollowed ? quirky(fault, "the steps of a body") : fault;
    const ending = this.#neverRun(canvas, known, context.standsFor);
    return isLeaf(ending) && isInBody ? { ...before, name: ending.name, end: fault, isInBody } : ending;
  }

  /** A failed step of its chain is before it: it ends as that did, and its own errbacks are not called. Celery: `Backend._fail_chain`. */
  #neverRun(canvas: Canvas, fault: Fault, standsFor?: string): Ending {
    switch (canvas.kind) {
      case "task":
        return this.#end(standsFor ?? canvas.name, fault);
      case "chain": {
        const steps = stepsOf(canvas);
        for (const step of steps.slice(0, -1)) this.#neverRun(step, quirky(fault, "the steps of a body"));
        return this.#neverRun(steps.at(-1) ?? chain(), fault, standsFor);
      }
      case "group":
        return flat(canvas.members).map((member) => this.#neverRun(member, quirky(fault, "a group that never begins")));
      case "chord":
        this.#headerNeverRuns(canvas, fault);
        return this.#neverRun(canvas.body, fault, standsFor);
    }
  }

  /** It is the body of a chord of which a member failed; the tasks of a group end as that member did. Celery: `Backend.chord_error_from_stack`. */
  #failBody(canvas: Canvas, fault: Fault, context: Context): Ending {
    const { errbacks, standsFor } = withOwn(canvas, context);
    switch (canvas.kind) {
      case "task": {
        const known = context.isFollowed ? quirky(fault, "the steps of a body") : fault;
        const { name } = this.#fail(standsFor ?? canvas.name, known, errbacks);
        return { name, end: fault, unheard: "a chord within a header", isInBody: true };
      }
      case "chain": {
        const [first, ...rest] = stepsOf(canvas, context);
        if (first === undefined) return [];
        return this.#runRest(this.#failBody(first, fault, contextOfFirst(rest, context)), rest, context);
      }
      case "group": {
        const own: Fault = fault.cause === undefined ? fault : { ...fault.cause, state: "FAILURE", quirk: fault.quirk };
        return flat(canvas.members).map((member) => this.#failBody(member, own, { ...ALONE, errbacks }));
      }
      case "chord":
        this.#headerNeverRuns(canvas, fault);
        return this.#failBody(canvas.body, quirky(withoutCause(fault), "a chord as a body"), withOwn(canvas, context));
    }
  }

  #headerNeverRuns({ header }: Chord, fault: Fault): void {
    for (const member of flat(header)) this.#neverRun(member, quirky(fault, "a header that never begins"));
  }

  #succeed(name: string, value: unknown, links: readonly Canvas[]): Leaf {
    for (const link of links) this.run(link, [value], ALONE);
    return this.#end(name, { state: "SUCCESS", value });
  }

  #fail(name: string, fault: Fault, errbacks: readonly string[]): Leaf {
    this.#call(errbacks, name, fault);
    return this.#end(name, fault);
  }

  #call(errbacks: readonly string[], failed: string, { quirk }: Fault): void {
    for (const name of new Set(errbacks)) this.errbacks.push({ name, failed, quirk });
  }

  #end(name: string, end: End): Leaf {
    this.ends.set(name, end);
    return { name, end };
  }
}

/** Of a step of a chain, with those behind it. */
function contextOfFirst(rest: readonly Canvas[], { standsFor, isFollowed }: Context): Context {
  return rest.length === 0 ? { ...ALONE, standsFor, isFollowed } : { ...ALONE, isFollowed: true };
}

/** With its own links and errbacks besides. */
function withOwn(canvas: Canvas, context: Context): Context {
  return {
    ...context,
    links: [...linksOf(canvas), ...context.links],
    errbacks: [...(canvas.errbacks ?? []), ...context.errbacks],
  };
}

/**
 * The steps of a chain, without those of it that are chains. Its links are those of its last step, its errbacks those of each. A group
 * and what follows it are a chord. Celery: `celery/canvas.py:_chain.prepare_steps`.
 */
function stepsOf(canvas: Chain, context: Context = ALONE): readonly Canvas[] {
  const { links, errbacks } = withOwn(canvas, context);
  const steps: Canvas[] = [];
  for (const step of canvas.steps.flatMap(unchained)) {
    const before = steps.at(-1);
    if (before !== undefined && endsInGroup(before)) steps.splice(-1, 1, joined(before, step));
    else steps.push(step);
  }
  return steps.map((step, place) => extended(step, { errbacks, links: place === steps.length - 1 ? links : [] }));
}

/** A chord whose body is a chain that begins with a task ends with that task: the rest stands behind it. Celery: `_chord._unroll_body`. */
function unchained(canvas: Canvas): readonly Canvas[] {
  switch (canvas.kind) {
    case "task":
      return [canvas];
    case "chain":
      return stepsOf(canvas);
    case "group":
      return [canvas];
    case "chord": {
      const { header, body } = ownGiven(canvas);
      if (body.kind !== "chain") return [chord(header, body)];
      const [first, ...rest] = stepsOf(body);
      return first === undefined || first.kind === "group" ? [chord(header, body)] : [chord(header, first), ...rest];
    }
  }
}

/** What ends in a group, with what follows it as the body of a chord. */
function joined(canvas: Canvas, next: Canvas): Canvas {
  switch (canvas.kind) {
    case "task":
      return chain(canvas, next);
    case "chain": {
      const steps = stepsOf(canvas);
      return chain(...steps.slice(0, -1), joined(steps.at(-1) ?? chain(), next));
    }
    case "group": {
      const { errbacks = [] } = canvas;
      return chord(
        canvas.members.map((member) => extended(member, { links: [], errbacks })),
        next,
      );
    }
    case "chord": {
      const { header, body } = ownGiven(canvas);
      return chord(header, joined(body, next));
    }
  }
}

/** A chord whose own links and errbacks are its body's. */
function ownGiven({ header, body, links = [], errbacks = [] }: Chord): Chord {
  return chord(header, extended(body, { links, errbacks }));
}

/** With more links and errbacks. */
function extended(canvas: Canvas, more: Pick<Context, "links" | "errbacks">): Canvas {
  const { links, errbacks } = withOwn(canvas, { ...ALONE, ...more });
  return canvas.kind === "group" ? { ...canvas, errbacks } : { ...canvas, links, errbacks };
}

/** Members without those that are groups or nothing. */
function flat(members: readonly Canvas[]): readonly Canvas[] {
  return members.flatMap((member) => {
    if (member.kind === "group") {
      const { errbacks = [] } = member;
      return flat(member.members).map((each) => extended(each, { links: [], errbacks }));
    }
    return member.kind === "chain" && stepsOf(member).length === 0 ? [] : [member];
  });
}

/** What replaces a task has one result. Celery: `celery/app/task.py:Task.replace`. */
function asOne(canvas: Canvas): Canvas {
  if (canvas.kind === "group") return chord(canvas.members, ACCUMULATE);
  return endsInGroup(canvas) ? chain(canvas, ACCUMULATE) : canvas;
}

function endsInGroup(canvas: Canvas): boolean {
  switch (canvas.kind) {
    case "task":
      return false;
    case "chain": {
      const last = stepsOf(canvas).at(-1);
      return last !== undefined && endsInGroup(last);
    }
    case "group":
      return true;
    case "chord":
      return endsInGroup(canvas.body);
  }
}

function isLeaf(ending: Ending): ending is Leaf {
  return !Array.isArray(ending);
}

function leavesOf(ending: Ending): readonly Leaf[] {
  return isLeaf(ending) ? [ending] : ending.flatMap(leavesOf);
}

/** A group tells of all its values, or of its first member that has none. Celery: `redis.py:RedisBackend._unpack_chord_result`. */
function toldOf(ending: Ending): Told {
  if (isLeaf(ending)) return ending.end.state === "SUCCESS" ? { value: ending.end.value } : { fault: ending.end };
  const failed = leavesOf(ending).flatMap(({ name, end, unheard }) =>
    end.state === "SUCCESS" ? [] : [{ name, end, unheard }],
  );
  const [culprit] = failed;
  if (culprit === undefined) return { value: valueOf(ending) };
  const { type, message } = culprit.end;
  const quirk = failed.map(({ end, unheard }) => end.quirk ?? unheard).find((each) => each !== undefined);
  const error = failure("ChordError", `Dependency ${culprit.name} raised ${type}(${pythonRepr(message)})`);
  return { fault: { ...error, quirk, cause: culprit.end } };
}

function valueOf(ending: Ending): unknown {
  if (!isLeaf(ending)) return ending.map(valueOf);
  return ending.end.state === "SUCCESS" ? ending.end.value : undefined;
}

function failure(type: string, message: string): Fault {
  return { state: "FAILURE", type, message, quirk: undefined };
}

function revoked(reason: "revoked" | "expired"): Fault {
  return { state: "REVOKED", type: "TaskRevokedError", message: reason, quirk: undefined };
}

/** Whoever it comes to by way of another chord ends with the error itself. */
function withoutCause({ cause: _cause, ...fault }: Fault): Fault {
  return fault;
}

/** The first that is otherwise in Celery decides. */
function quirky(fault: Fault, quirk: Quirk): Fault {
  return { ...fault, quirk: fault.quirk ?? quirk };
}

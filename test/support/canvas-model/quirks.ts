import { chain, chord, group, task, type Canvas } from "./canvas.ts";

/** Where Celery leaves without a result, or without its errback, what ends in ours. */
export type Quirk =
  | "a chord as a body"
  | "a chord within a header"
  | "a group that never begins"
  | "a header that never begins"
  | "after a revoked step"
  | "the steps of a body";

/** What Celery does otherwise than the model, and so than we. */
export interface Difference {
  readonly name: string;
  readonly canvas: Canvas;
  /** What comes of some of its tasks in Celery. */
  readonly celery: Readonly<Record<string, string>>;
  /** How often some of them run. */
  readonly runs?: Readonly<Record<string, number>>;
  readonly why: string;
}

const fails = (name: string): Canvas => task(name, { fate: "fails" });

/** Celery 5.7 on Redis, as seen. */
export const DIFFERENCES: readonly Difference[] = [
  {
    name: "a chord within a header",
    canvas: chord([chord([fails("a")], task("b")), task("c")], task("d")),
    celery: { b: "FAILURE ChordError(Dependency a raised ValueError('a'))", d: "nothing" },
    why: "Backend.fail_from_current_stack stores the body's failure without its request, so that the outer chord does not hear of it and hangs. Ours does.",
  },
  {
    name: "a chord as a body",
    canvas: chord([fails("a")], chord([task("b")], task("c"))),
    celery: { b: "nothing", c: "nothing" },
    why: "Backend.chord_error_from_stack stores the failure under the inner header's id, for which nobody waits. Ours fails the inner body, too.",
  },
  {
    name: "a group that never begins",
    canvas: chain(fails("a"), group(task("b"), task("c"))),
    celery: { b: "nothing", c: "nothing" },
    why: "Backend._fail_chain stores the failure under the group's id, for which nobody waits. Ours ends its members.",
  },
  {
    name: "a group that never begins, within a header",
    canvas: chord([chain(fails("a"), group(task("b"), task("c"))), task("d")], task("e")),
    celery: { b: "nothing", c: "nothing", e: "nothing" },
    why: "The group counts once, but the chord waits for each of its members. Ours fails.",
  },
  {
    name: "a header that never begins",
    canvas: chain(fails("a"), chord([task("b")], task("c"))),
    celery: { b: "nothing", c: "FAILURE ValueError(a)" },
    why: "Backend._fail_chain passes headers over. Ours ends whatever would have run, for whoever holds its result.",
  },
  {
    name: "after a revoked step",
    canvas: chain(task("a", { fate: "expired" }), task("b")),
    celery: { a: "REVOKED TaskRevokedError(expired)", b: "nothing" },
    why: "Backend.mark_as_revoked does not tell the chain, whose result hangs. Ours is revoked, too, as Backend._fail_chain would have it.",
  },
  {
    name: "the steps of a body",
    canvas: chord([fails("a")], chain(task("b", { errbacks: ["b-errback"] }), task("c"), task("d"))),
    celery: { b: "nothing", c: "nothing", d: "FAILURE ChordError(Dependency a raised ValueError('a'))" },
    why: "Celery ends only the last step of a body that is a chain, unless the chord is part of a chain: then the first is the body, whose errbacks are called, and all end. Ours does so always.",
  },
  {
    name: "members with several results",
    canvas: chord([chain(task("a"), group(fails("b"), task("c")))], task("d")),
    celery: { d: "FAILURE ChordError(Join error: ValueError('b'))" },
    why: "Where it joins a saved GroupResult, Celery does not say which dependency it was. Ours does.",
  },
  {
    name: "a group within a header",
    canvas: chord([task("a"), group(task("b"), task("c"))], task("d")),
    celery: { d: 'SUCCESS ["d",[["a"],["c"],["b"]]]' },
    why: "group._freeze_unroll turns the members of groups within others around. Ours keeps their order.",
  },
  {
    name: "a group of one in a chain",
    canvas: chain(task("a"), group(task("b")), task("c")),
    celery: { c: 'SUCCESS ["c",["b",["a"]]]' },
    why: "maybe_unroll_group takes a group of one for its task, though not behind a leading group. In ours a group gives a list, however many are in it.",
  },
  {
    name: "a group of one after a group",
    canvas: chain(group(task("a"), task("b")), group(task("c")), task("d")),
    celery: { d: 'SUCCESS ["d",[["c",[["a"],["b"]]]]]' },
    why: "Here it is a list in Celery, too.",
  },
  {
    name: "an empty group in a chain",
    canvas: chain(task("a"), group(), task("b")),
    celery: { b: 'SUCCESS ["b",["a"]]' },
    why: "Celery drops it. In ours it gives a list, of nothing.",
  },
  {
    name: "a chord after a chord whose body is a group",
    canvas: chain(chord([task("a")], group(task("b"), task("c"))), chord([task("d")], task("e"))),
    celery: {},
    runs: { d: 2 },
    why: "Each member of the body leads the rest of the chain, so that the second chord runs once for each, under the same ids. In ours it follows the group, as a task does in Celery.",
  },
  {
    name: "chords in a group at the end of a member",
    canvas: chord([chain(task("a"), group(chord([task("b")], task("c")), task("d")))], task("e")),
    celery: { c: 'SUCCESS ["c",[["b",["a"]]]]', d: 'SUCCESS ["d",["a"]]', e: "nothing" },
    why: "The last member of the group is counted, and the chord hangs. Ours runs its body.",
  },
  {
    name: "a chord whose body is a group, in place of a task",
    canvas: task("a", { fate: { becomes: chord([task("b")], group(task("c"), task("d"))) } }),
    celery: { a: "nothing", c: 'SUCCESS ["c",[["b"]]]', d: 'SUCCESS ["d",[["b"]]]' },
    why: "Task.replace makes one result of a group, and of a chain that ends in one, but not of such a chord, so that the task's result hangs. Ours always does.",
  },
];

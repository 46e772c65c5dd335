import { chain, chord, group, mapSteps, stepsWithin, task, type Canvas, type Fate } from "./canvas.ts";

const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((name) => task(name)) as [Canvas, Canvas, Canvas, Canvas, Canvas];
const withErrback = (name: string): Canvas => task(name, { errbacks: [`${name}-errback`] });
const withLink = (name: string): Canvas => task(name, { links: [task(`${name}-link`)] });

/** Every way in which two or three kinds of canvas can stand in one another. */
export const SHAPES: Readonly<Record<string, Canvas>> = {
  task: a,
  chain: chain(a, b, c),
  group: group(a, b, c),
  chord: chord([a, b], c),
  "a chord of one": chord([a], b),
  "a group of one": group(a),
  "immutable steps": chain(a, task("b", { immutable: true }), c),
  "a chain in a chain": chain(a, chain(b, c), d),
  "a group at the end of a chain": chain(a, group(b, c)),
  "a group in a chain": chain(a, group(b, c), d, e),
  "a group at the start of a chain": chain(group(a, b), c, d),
  "a group after a group": chain(group(a, b), group(c, d), e),
  "a group of one in a chain": chain(a, group(b), c),
  "a chain in a group": group(chain(a, b), c),
  "a group in a group": group(a, group(b, group(c, d))),
  "a chord in a group": group(chord([a, b], c), d),
  "a chain in a header": chord([chain(a, b), c], d),
  "a chain that ends in a group in a header": chord([chain(a, group(b, c)), d], e),
  "a group in a header": chord([a, group(b, c)], d),
  "a chord in a header": chord([chord([a, b], c), d], e),
  "a chord whose body is a group in a header": chord([chord([a], group(b, c)), d], e),
  "a chain with a chord in a header": chord([chain(a, chord([b], c)), d], e),
  "a chain as a body": chord([a, b], chain(c, d, e)),
  "a group as a body": chord([a, b], group(c, d)),
  "a chord as a body": chord([a, b], chord([c, d], e)),
  "a chain that ends in a group as a body": chord([a], chain(b, group(c, d))),
  "a chord at the end of a chain": chain(a, chord([b, c], d)),
  "a chord in a chain": chain(a, chord([b, c], d), e),
  "a chord at the start of a chain": chain(chord([a, b], c), d, e),
  "a chord after a chord": chain(chord([a], b), chord([c, d], e)),
  "a step after a chord whose body is a group": chain(chord([a], group(b, c)), d),
  "a chord after a chord whose body is a group": chain(chord([a], group(b, c)), chord([d], e)),
  "a chord in a header in a header": chord([chord([chord([a], b), c], d)], e),
  "an empty group in a chain": chain(a, group(), b),
  "an empty group": group(),
  "an empty header": chord([], a),
  "an empty header in a chain": chain(a, chord([], b), c),
  "an empty header in a header": chord([chord([], a), b], c),
  "a header of empty groups": chord([group(), group(group())], a),
  "errbacks of tasks": chain(withErrback("a"), withErrback("b"), chord([withErrback("c")], withErrback("d"))),
  "errbacks of members and their body": chord(
    [withErrback("a"), chain(withErrback("b"), withErrback("c"))],
    withErrback("d"),
  ),
  "errbacks of a chain": { ...chain(a, b, c), errbacks: ["errback"] },
  "errbacks of a chain in a chain": chain(a, { ...chain(b, c), errbacks: ["errback"] }, d),
  "errbacks of a chain with a group": { ...chain(group(a, b), c, d), errbacks: ["errback"] },
  "errbacks of a group": { ...group(a, chain(b, c)), errbacks: ["errback"] },
  "errbacks of a chord": { ...chord([a, b], c), errbacks: ["errback"] },
  "errbacks of a chord with a chain for its body": { ...chord([a], chain(b, c)), errbacks: ["errback"] },
  "errbacks of a chord with a group for its body": { ...chord([a], group(b, c)), errbacks: ["errback"] },
  "errbacks of the first step of a body": chord([a], chain(withErrback("b"), c)),
  "links of tasks": chain(withLink("a"), withLink("b")),
  "links of members and their body": chord([withLink("a"), b], withLink("c")),
  "links of a chain": { ...chain(a, b), links: [task("link")] },
  "links of a chord": { ...chord([a, b], c), links: [task("link")] },
};

/** What a task becomes, in every place of every shape. */
export const REPLACEMENTS: Readonly<Record<string, Canvas>> = {
  "becomes a task": task("x"),
  "becomes a task that fails": task("x", { fate: "fails" }),
  "becomes a chain": chain(task("x"), task("y")),
  "becomes a chain that fails": chain(task("x", { fate: "fails" }), task("y")),
  "becomes a group": group(task("x"), task("y")),
  "becomes a group of which one fails": group(task("x"), task("y", { fate: "fails" })),
  "becomes a chord": chord([task("x"), task("y")], task("z")),
  "becomes a chord of which a member fails": chord([task("x", { fate: "fails" }), task("y")], task("z")),
  "becomes a chain that ends in a group": chain(task("x"), group(task("y"), task("z"))),
  "becomes a chord whose body is a group": chord([task("x")], group(task("y"), task("z"))),
  "becomes what becomes another": task("x", { fate: { becomes: task("y") } }),
};

/** The shape, each time with that fate of another of its tasks, by the task's name. */
export function fated(shape: Canvas, fate: Fate): ReadonlyMap<string, Canvas> {
  const names = stepsWithin(shape).map(({ name }) => name);
  const withFate = (name: string): Canvas => mapSteps(shape, (step) => (step.name === name ? { ...step, fate } : step));
  return new Map(names.map((name) => [name, withFate(name)]));
}

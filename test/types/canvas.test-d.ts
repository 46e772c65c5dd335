// Checked by the compiler alone: a line under @ts-expect-error that compiles is an error, and so is a wrong expectTypeOf.
import { expectTypeOf } from "vitest";
import { z } from "zod";
import {
  canvasFromDict,
  Celeriac,
  chain,
  chord,
  chunks,
  group,
  starmap,
  xmap,
  type AsyncResult,
  type Canvas,
  type ResultOf,
  type Signature,
  type StampingVisitor,
  type TakesOf,
} from "celeriac";

declare function resultOf<C>(canvas: C): ResultOf<C>;
declare function takesOf<C>(canvas: C): TakesOf<C>;

const app = new Celeriac();

const now = app.task("now", () => 1);
const double = app.task("double", (x: number) => x * 2);
const add = app.task("add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
const show = app.task("show", (x: number, digits?: number) => x.toFixed(digits));
const length = app.task("length", (text: string) => text.length);
const sum = app.task("sum", (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0));
const pairUp = app.task("pair-up", ([n, text]: [number, string]) => `${String(n)}${text}`);
const split = app.task("split", (text: string): readonly string[] => text.split(","));
const join = app.task("join", (words: string[]) => words.join());
const nothing = app.task("nothing", (): void => undefined);
const all = app.task("all", (...numbers: number[]) => numbers.length);
const greet = app.task("greet", { kwargs: z.object({ name: z.string() }) }, ({ name }) => `Hello ${name}`);
const anything = app.signature("by.name");

// ── Partials: what is given is the task's last ──

expectTypeOf(add.s()).toEqualTypeOf<Signature<number, [x: number, y: number]>>();
expectTypeOf(add.s(1)).toEqualTypeOf<Signature<number, [x: number]>>();
expectTypeOf(add.s(1, 2)).toEqualTypeOf<Signature<number, []>>();
expectTypeOf(show.s(1)).toEqualTypeOf<Signature<string, [] | [x: number]>>();
expectTypeOf(greet.s({ name: "Ada" })).toEqualTypeOf<Signature<string, []>>();
// @ts-expect-error a wrong type
add.s("1");
// @ts-expect-error a wrong type of the last
add.s(1, "2");
// @ts-expect-error one too many
add.s(1, 2, 3);
// @ts-expect-error it takes nothing
now.s(1);
// @ts-expect-error a complete call says all of it
add.si(1);

expectTypeOf(add.s(1).delay(2)).resolves.toEqualTypeOf<AsyncResult<number>>();
void add.s(1, 2).delay();
void show.s(1).delay();
void show.s(1).delay(2);
void add.s(1).applyAsync({ args: [2], countdownMs: 5 });
void add.s(1).applyAsync({ kwargs: { x: 2 } });
void add
  .s(1)
  .clone({ args: [2] })
  .delay();
void anything.delay(1, "a");
// @ts-expect-error an argument is missing
void add.s(1).delay();
// @ts-expect-error an argument is missing
void add.s(1).applyAsync({ countdownMs: 5 });
// @ts-expect-error a wrong type
void add.s(1).delay("2");
// @ts-expect-error nothing is missing
void add.s(1, 2).delay(3);
// @ts-expect-error a wrong type
add.s(1).clone({ args: ["2"] });

// ── Chains: each step takes what the one before gives ──

const three = chain(add.s(1, 2), add.s(3), show.s(2));
expectTypeOf(resultOf(three)).toEqualTypeOf<string>();
expectTypeOf(takesOf(three)).toEqualTypeOf<[]>();
expectTypeOf(three.delay()).resolves.toEqualTypeOf<AsyncResult<string>>();
expectTypeOf(add.s(1, 2).pipe(double.s()).pipe(show.s()).delay()).resolves.toEqualTypeOf<AsyncResult<string>>();
const chainOfPartials = () => chain(double.s(), show.s());
expectTypeOf(takesOf(chainOfPartials())).toEqualTypeOf<[x: number]>();
void chainOfPartials().delay(1);
// @ts-expect-error its first step needs an argument
void chainOfPartials().delay();
// @ts-expect-error and of that type
void chainOfPartials().delay("1");

// @ts-expect-error a number is no text
chain(add.s(1, 2), length.s());
// @ts-expect-error it is complete: it would get one argument too many
chain(add.s(1, 2), add.s(3, 4));
// @ts-expect-error it needs two
chain(add.s(1, 2), add.s());
// @ts-expect-error the third does not fit the second
chain(add.s(1, 2), show.s(), double.s());
// @ts-expect-error a number is no text
add.s(1, 2).pipe(length.s());
// @ts-expect-error it is complete
add.s(1, 2).pipe(double.s(1));
// @ts-expect-error nothing is no number
chain(nothing.s(), double.s());
// @ts-expect-error a keyword task has no place for a result
chain(now.s(), greet.s({ name: "Ada" }));
// @ts-expect-error nor when piped
now.s().pipe(greet.s({ name: "Ada" }));
// @ts-expect-error a task is no call
chain(now.s(), double);
// @ts-expect-error a result is no call
chain(now.s(), double.delay(1));

// What ignores the result of the task before it goes anywhere.
expectTypeOf(resultOf(chain(length.s("a"), greet.si({ name: "Ada" }), now.si(), add.si(1, 2)))).toEqualTypeOf<number>();
// A list that a task gives is its receiver's own.
chain(split.s("a,b"), join.s());
chain(double.s(1), all.s());
// By name, nobody knows what it takes, nor what it gives.
chain(now.s(), anything);
chain(now.s(), anything, greet.si({ name: "Ada" }));
chain(now.s(), app.signature<number>("by.name"), double.s());
// @ts-expect-error what it gives is unknown
chain(anything, double.s());
// Chains within chains, and lists.
chain(chain(now.s(), double.s()), chain(double.s(), show.s()), length.s());
// @ts-expect-error the inner chain gives a text
chain(chain(now.s(), show.s()), double.s());
expectTypeOf(chain([now.s(), double.s(), show.s()]).delay()).resolves.toEqualTypeOf<AsyncResult<string>>();
// @ts-expect-error the second does not fit
chain([now.s(), length.s()]);
const doubles = [1, 2, 3].map(() => double.s());
expectTypeOf(takesOf(chain(doubles))).toEqualTypeOf<[x: number]>();
chain(now.s(), chain(doubles), show.s());
// @ts-expect-error they do not fit one another
chain([1, 2, 3].map(() => show.s()));

// ── Groups: the tuple of the members' results; what the group takes, all take ──

const both = group(double.s(), show.s(2));
expectTypeOf(resultOf(both)).toEqualTypeOf<[number, string]>();
void both.delay(1);
// @ts-expect-error all need a number
void both.delay();
// @ts-expect-error all need a number
void both.delay("1");
chain(now.s(), both);
chain(now.s(), both, pairUp.s());
chain(now.s(), group(double.s(), now.si()));
const dynamic = () => group([1, 2].map((n) => double.s(n)));
expectTypeOf(resultOf(dynamic())).toEqualTypeOf<number[]>();
group(new Set([now.s()]).values()).pipe(sum.s());
dynamic().pipe(sum.s());
chain(dynamic(), sum.s(), show.s());
// A group in a group adds its own.
expectTypeOf(resultOf(group(group(now.s(), show.s(1)), now.s()))).toEqualTypeOf<[number, string, number]>();
// A chain that ends with a group is one member.
expectTypeOf(resultOf(group(chain(now.s(), both), now.s()))).toEqualTypeOf<[[number, string], number]>();
// @ts-expect-error one member is complete
chain(now.s(), group(double.s(), double.s(1)));
// @ts-expect-error one member takes a text
chain(now.s(), group(double.s(), length.s()));
// @ts-expect-error the results are a number and a text
chain(now.s(), both, sum.s());
// @ts-expect-error the results are a number and a text
both.pipe(sum.s());
// @ts-expect-error a group of one gives a list of one
chain(group(now.s()), double.s());
chain(group(now.s()), sum.s());
// @ts-expect-error a number is no member
group(now.s(), 1);

// ── Chords: the body takes the list of the header's results ──

expectTypeOf(chord([double.s(1), double.s(2)], sum.s()).delay()).resolves.toEqualTypeOf<AsyncResult<number>>();
expectTypeOf(
  chord(group(double.s(1), show.s(2)), pairUp.s())
    .pipe(length.s())
    .delay(),
).resolves.toEqualTypeOf<AsyncResult<number>>();
void chord([double.s(), add.s(1)], sum.s()).delay(1);
chain(now.s(), chord([double.s(), add.s(1)], sum.s()), show.s());
chord([chord([now.s()], sum.s()), chain(now.s(), double.s())], sum.s());
chord(dynamic(), sum.s());
chord(new Set([now.s()]), sum.s());
chord([now.s()], greet.si({ name: "Ada" }));
chord([now.s()], group(sum.s(), sum.s())).pipe(sum.s());
chord([now.s(), show.s(1)], chain(pairUp.s(), length.s()));
// @ts-expect-error the results are numbers
chord([now.s(), now.s()], join.s());
// @ts-expect-error the results are a number and a text
chord([now.s(), show.s(1)], sum.s());
// @ts-expect-error the body gets one list
chord([now.s(), now.s()], add.s());
// @ts-expect-error a chord has a body
chord([now.s()]);
// @ts-expect-error the header is a list
chord(now.s(), sum.s());
// @ts-expect-error the header needs a number
void chord([double.s(), add.s(1)], sum.s()).delay();
// @ts-expect-error the header takes no text
chain(show.s(1), chord([double.s(), add.s(1)], sum.s()));
// @ts-expect-error the body gives a number
chain(chord([now.s()], sum.s()), length.s());
// @ts-expect-error the body gives a number
chord([now.s()], sum.s()).pipe(length.s());

// ── Maps ──

expectTypeOf(double.map([1, 2])).toEqualTypeOf<Signature<number[]>>();
expectTypeOf(xmap(double, new Set([1, 2]))).toEqualTypeOf<Signature<number[]>>();
expectTypeOf(add.starmap([[1, 2]])).toEqualTypeOf<Signature<number[]>>();
expectTypeOf(starmap(show, [[1], [1, 2]])).toEqualTypeOf<Signature<string[]>>();
expectTypeOf(resultOf(add.chunks([[1, 2]], 10))).toEqualTypeOf<number[][]>();
chunks(add, [[1, 2]], 10);
chain(double.map([1]), sum.s());
show.map([1]);
// @ts-expect-error it takes numbers
double.map(["1"]);
// @ts-expect-error it takes two
add.map([1]);
// @ts-expect-error it takes two
add.starmap([[1]]);
// @ts-expect-error it takes numbers
add.chunks([[1, "2"]], 10);

// ── All of them ──

const someCanvas: Canvas = both;
const someSignature: Signature = add.s(1);
const numbers: readonly Canvas<number>[] = [now.s(), chain(now.s(), double.s()), chord([now.s()], sum.s())];
expectTypeOf(someSignature.set({ priority: 1 })).toEqualTypeOf<Signature>();
expectTypeOf(three.set({ queue: "q" }).link(anything).linkError(anything).stamp({ run: 7 })).toEqualTypeOf<
  typeof three
>();
expectTypeOf(canvasFromDict(someCanvas.toDict())).toEqualTypeOf<Canvas>();
group(numbers).pipe(sum.s());
expectTypeOf(app.send(three)).resolves.toEqualTypeOf<AsyncResult<string>>();
// @ts-expect-error no such option
three.set({ countdown: 1 });

const visitor: StampingVisitor = {
  onSignature: ({ task }, stamps) => (stamps["seen"] === undefined ? { seen: task } : undefined),
  onGroupStart: () => ({ inGroup: true }),
};
three.stamp(visitor, { append: true });

// Checked by the compiler alone: a line under @ts-expect-error that compiles is an error, and so is a wrong expectTypeOf.
import { type } from "arktype";
import * as v from "valibot";
import { expectTypeOf } from "vitest";
import { z } from "zod";
import { Celeriac, type AsyncResult, type Signature, type TaskContext } from "celeriac";

const app = new Celeriac();

// ── Positional arguments ──

const bare = app.task("bare", (x: number, y: string) => `${String(x)}${y}`);
expectTypeOf(bare.delay).parameters.toEqualTypeOf<[x: number, y: string]>();
expectTypeOf(bare.delay(1, "a")).resolves.toEqualTypeOf<AsyncResult<string>>();
void bare.applyAsync({ args: [1, "a"], countdownMs: 10 });
// @ts-expect-error a wrong type
void bare.delay("1", "a");
// @ts-expect-error one too few
void bare.delay(1);
// @ts-expect-error one too many
void bare.delay(1, "a", 2);
// @ts-expect-error its arguments have no names
void bare.applyAsync({ kwargs: { x: 1, y: "a" } });
// @ts-expect-error arguments are missing
void bare.applyAsync({ countdownMs: 10 });

const none = app.task("none", () => 1);
void none.delay();
void none.applyAsync({ countdownMs: 10 });
// @ts-expect-error it takes nothing
void none.delay(1);

// ── Names ──

const add = app.task("add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
expectTypeOf(add.delay(1, 2)).resolves.toEqualTypeOf<AsyncResult<number>>();
void add.applyAsync({ args: [1, 2] });
void add.applyAsync({ kwargs: { x: 1, y: 2 } });
void add.applyAsync({ args: [1], kwargs: { y: 2 } });
// @ts-expect-error y is missing
void add.applyAsync({ args: [1] });
// @ts-expect-error y is missing
void add.applyAsync({ kwargs: { x: 1 } });
// @ts-expect-error z is not an argument
void add.applyAsync({ kwargs: { x: 1, y: 2, z: 3 } });
// @ts-expect-error y has another type
void add.applyAsync({ args: [1], kwargs: { y: "2" } });
// @ts-expect-error one name too few
app.task("unnamed", { params: ["x"] }, (x: number, y: number) => x + y);

const optional = app.task("optional", { params: ["x", "y?"] }, (x: number, y?: number) => x + (y ?? 0));
void optional.delay(1);
void optional.applyAsync({ kwargs: { x: 1 } });
void optional.applyAsync({ kwargs: { x: 1, y: 2 } });

// ── Bound tasks and resources ──

const withDb = app.resource("db", { acquire: () => ({ query: (sql: string) => sql.length }) });
const bound = withDb.task("bound", { bind: true, params: ["sql"], maxRetries: 2 }, async (ctx, sql: string) => {
  expectTypeOf(ctx).toExtend<TaskContext>();
  expectTypeOf(ctx.db.query).returns.toEqualTypeOf<number>();
  return Promise.resolve(ctx.db.query(sql));
});
expectTypeOf(bound.delay).parameters.toEqualTypeOf<[sql: string]>();
expectTypeOf(bound.delay("select 1")).resolves.toEqualTypeOf<AsyncResult<number>>();
// @ts-expect-error the app has no resource of that name
app.task("boundless", { bind: true }, (ctx) => String(ctx.db));

// ── Schemas ──

const greet = app.task("greet", { kwargs: z.object({ name: z.string() }) }, ({ name }) => `Hello ${name}`);
expectTypeOf(greet.delay({ name: "Ada" })).resolves.toEqualTypeOf<AsyncResult<string>>();
void greet.applyAsync({ kwargs: { name: "Ada" }, queue: "q" });
// @ts-expect-error name is missing
void greet.delay({});
// @ts-expect-error name has another type
void greet.delay({ name: 1 });

const when = app.task(
  "when",
  { kwargs: z.object({ at: z.string().transform((text) => new Date(text)) }) },
  ({ at }) => {
    expectTypeOf(at).toEqualTypeOf<Date>();
    return at.getTime();
  },
);
void when.delay({ at: "2026-01-01" });
// @ts-expect-error callers give what the schema takes, not what it makes
void when.delay({ at: new Date() });

const boundGreet = app.task("bound-greet", { kwargs: v.object({ name: v.string() }), bind: true }, (ctx, { name }) => {
  expectTypeOf(ctx.retries).toEqualTypeOf<number>();
  return name;
});
void boundGreet.delay({ name: "Ada" });

const checked = app.task("ark", { kwargs: type({ size: "number" }) }, ({ size }) => size);
void checked.delay({ size: 1 });
// @ts-expect-error size has another type
void checked.delay({ size: "1" });

const tuple = app.task("tuple", { args: z.tuple([z.number(), z.string()]), params: ["n", "s"] }, (n, s) => {
  expectTypeOf(n).toEqualTypeOf<number>();
  return s.repeat(n);
});
void tuple.delay(1, "a");
void tuple.applyAsync({ kwargs: { n: 1, s: "a" } });
// @ts-expect-error the second is a string
void tuple.delay(1, 2);

// ── Stubs, signatures, batches ──

const stub = app.stub<(x: number, y: number) => Promise<number>>("elsewhere.add");
expectTypeOf(stub.delay(1, 2)).resolves.toEqualTypeOf<AsyncResult<number>>();
// @ts-expect-error a wrong type
void stub.delay("1", 2);

expectTypeOf(add.s(1, 2)).toEqualTypeOf<Signature<number, []>>();
// @ts-expect-error a wrong type
add.s(1, "2");
expectTypeOf(app.sendBatch([add.s(1, 2), greet.s({ name: "Ada" })])).resolves.toEqualTypeOf<
  readonly [AsyncResult<number>, AsyncResult<string>]
>();
expectTypeOf(app.sendTask("by.name", { args: [1] })).resolves.toEqualTypeOf<AsyncResult>();
// @ts-expect-error no such option
void app.sendTask("by.name", { countdown: 1 });

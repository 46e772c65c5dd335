// Checked by the compiler alone, as tasks.test-d.ts.
import { expectTypeOf } from "vitest";
import {
  Celeriac,
  GroupResult,
  type AsyncResult,
  type MemberOutcome,
  type TaskFailedError,
  type TaskRevokedError,
} from "celeriac";

const app = new Celeriac();
declare const pair: GroupResult<[number, string]>;
declare const numbers: GroupResult<number[]>;
declare const nested: GroupResult<[string, number[]]>;
declare const result: AsyncResult<number>;
type Failure = TaskFailedError | TaskRevokedError;

// ── Values ──

expectTypeOf(pair.get()).resolves.toEqualTypeOf<[number, string]>();
expectTypeOf(pair.join({ timeoutMs: 1_000 })).resolves.toEqualTypeOf<[number, string]>();
expectTypeOf(pair.get({ propagate: true })).resolves.toEqualTypeOf<[number, string]>();
expectTypeOf(pair.get({ propagate: false })).resolves.toEqualTypeOf<[number | Failure, string | Failure]>();
expectTypeOf(numbers.get()).resolves.toEqualTypeOf<number[]>();
expectTypeOf(numbers.join({ propagate: false })).resolves.toEqualTypeOf<(number | Failure)[]>();
// @ts-expect-error no such option
void pair.get({ timeout: 1 });

// ── Members ──

expectTypeOf(pair.results[0]).toEqualTypeOf<AsyncResult<number>>();
expectTypeOf(pair.results[1]).toEqualTypeOf<AsyncResult<string>>();
expectTypeOf(nested.results[1]).toEqualTypeOf<AsyncResult<number[]> | GroupResult<number[]>>();
expectTypeOf(nested.results[1].get()).resolves.toEqualTypeOf<number[]>();
// @ts-expect-error there are two
expectTypeOf(pair.results[2]);

for await (const member of pair) {
  expectTypeOf(member).toEqualTypeOf<MemberOutcome<number | string>>();
  if (member.status === "fulfilled") expectTypeOf(member.value).toEqualTypeOf<number | string>();
  else expectTypeOf(member.reason).toEqualTypeOf<Failure>();
  // @ts-expect-error it may have failed
  expectTypeOf(member.value);
}

// ── Parents, tuples, saved groups ──

const { parent } = result;
if (parent instanceof GroupResult) expectTypeOf(parent.results.length).toEqualTypeOf<number>();
expectTypeOf(app.resultFromTuple([])).toEqualTypeOf<AsyncResult | GroupResult>();
expectTypeOf(app.restoreGroup<[number, string]>("g")).resolves.toEqualTypeOf<
  GroupResult<[number, string]> | undefined
>();
expectTypeOf(app.restoreGroup("g")).resolves.toEqualTypeOf<GroupResult | undefined>();
expectTypeOf(pair).toExtend<GroupResult>();

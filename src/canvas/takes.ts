import type { SignatureDict } from "../message/task-request.ts";
import type { AsyncResult } from "../result/async-result.ts";
import type { GroupResult } from "../result/group-result.ts";

/** Any canvas, by what the compiler knows of it. Its phantom properties exist for the type checker alone. */
export interface AnyCanvas {
  readonly "~result": unknown;
  readonly "~takes": readonly unknown[];
  readonly "~sent": unknown;
  toDict(): SignatureDict;
}

/** What it gives in the end. */
export type ResultOf<C> = C extends { readonly "~result": infer Result } ? Result : never;

/** The arguments that it takes before its own. */
export type TakesOf<C> = C extends { readonly "~takes": infer Takes extends readonly unknown[] } ? Takes : never;

/** What sending it resolves to. */
export type SentOf<C> = C extends { readonly "~sent": infer Sent } ? Sent : never;

/** What sending a group resolves to. */
export type SentGroup<Results extends readonly unknown[]> = GroupResult<Results>;

/** What sending any canvas resolves to. */
export type AnySent = AsyncResult | SentGroup<readonly unknown[]>;

/** A task's last arguments: what `task.s(…)` may be given. Those before them are the canvas's to come. */
export type LastOf<Args extends readonly unknown[]> = number extends Args["length"]
  ? readonly Args[number][]
  : Suffixes<Lists<Args>>;

/** The arguments that are missing yet when the last are given: a union of lists where some may be left out. */
export type BeforeLast<
  Args extends readonly unknown[],
  Given extends readonly unknown[],
> = number extends Args["length"] ? Args : EachPrefix<Lists<Args>, Given>;

/** The one argument of a call with one; never for a task that needs more or takes none. */
export type OnlyOf<Args extends readonly unknown[]> = number extends Args["length"]
  ? Args[number]
  : Extract<Lists<Args>, readonly [unknown]>[0];

/** Every list of arguments that may be given, by how many of the optional ones there are. */
type Lists<
  Args extends readonly unknown[],
  Full extends readonly unknown[] = Required<Args>,
> = Full["length"] extends Args["length"]
  ? Full | (Full extends readonly [...infer Fewer, unknown] ? Lists<Args, Fewer> : never)
  : never;

type Suffixes<List extends readonly unknown[]> = List extends readonly [unknown, ...infer Tail]
  ? List | Suffixes<Tail>
  : [];

type EachPrefix<List, Given extends readonly unknown[]> = List extends readonly unknown[] ? Prefix<List, Given> : never;

type Prefix<List extends readonly unknown[], Given extends readonly unknown[]> = Given extends readonly [
  ...infer Others,
  infer LastGiven,
]
  ? List extends readonly [...infer Rest, infer LastTaken]
    ? [LastGiven] extends [LastTaken]
      ? Prefix<Rest, Others>
      : never
    : never
  : List;

/** What the compiler shows of a step, a chord's body or a callback that cannot take what it will be given. */
export interface DoesNotTake<Takes, Given> {
  readonly "it takes": Takes;
  readonly "but is given": Given;
}

/** `unknown` where `Next` takes what it is given as its first argument, and is complete then. */
export type Fits<Given, Next> = [Received<Given>] extends TakesOf<Next> ? unknown : DoesNotTake<TakesOf<Next>, Given>;

/** A list that came in a message is nobody else's. */
type Received<Value> = Value extends readonly unknown[] ? { -readonly [I in keyof Value]: Value[I] } : Value;

/** Each step with what the one before it gives. */
export type FittingSteps<Steps extends readonly AnyCanvas[]> = number extends Steps["length"]
  ? readonly Fits<ResultOf<Steps[number]>, Steps[number]>[]
  : { readonly [I in keyof Steps]: FitsAfter<Before<Steps, I>, Steps[I]> };

type FitsAfter<Previous, Step> = [Previous] extends [never] ? unknown : Fits<ResultOf<Previous>, Step>;

type Before<Steps extends readonly unknown[], I> = Extract<[never, ...Steps][I & keyof [never, ...Steps]], AnyCanvas>;

export type FirstOf<List extends readonly unknown[]> = List extends readonly [infer First, ...unknown[]]
  ? First
  : List[number];

export type EndOf<List extends readonly unknown[]> = List extends readonly [...unknown[], infer End]
  ? End
  : List[number];

/** The results of a group in their order. A group within a group adds its own to them. */
export type ResultsOf<Members extends readonly unknown[]> = number extends Members["length"]
  ? Spread<Members[number]>[number][]
  : Members extends readonly [infer First, ...infer Rest]
    ? [...Spread<First>, ...ResultsOf<Rest>]
    : [];

type Spread<Member> = Member extends { readonly "~members": infer Results extends readonly unknown[] }
  ? Results
  : [ResultOf<Member>];

/** The arguments that all of them take. */
export type CommonTakes<Members extends readonly unknown[]> = [Members[number]] extends [never]
  ? readonly unknown[]
  : (
        Members[number] extends infer Member
          ? Member extends unknown
            ? (takes: TakesOf<Member>) => void
            : never
          : never
      ) extends (takes: infer Takes extends readonly unknown[]) => void
    ? Takes
    : never;

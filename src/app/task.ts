import type { Group } from "../canvas/group.ts";
import type { Signature } from "../canvas/signature.ts";
import type { BeforeLast, LastOf, OnlyOf } from "../canvas/takes.ts";
import type { AsyncResult } from "../result/async-result.ts";
import type { SendOptions } from "./send-options.ts";
import type { ArgumentSpec, TaskOptions } from "./task-options.ts";

/**
 * A task that can be called. `Args` are its positional arguments, `Names` their names for keyword callers, `Result` what
 * its result resolves to.
 */
export interface Task<Args extends readonly unknown[], Names extends readonly string[], Result> {
  /** The registered name, the same in every process and language. */
  readonly name: string;
  readonly options: TaskOptions & ArgumentSpec;
  /** Sends a call. Resolves once the broker has the message; rejects with InvalidArgumentsError, UnroutableError, BrokerUnavailableError or PublishTimeoutError. */
  delay(...args: Args): Promise<AsyncResult<Result>>;
  /** Sends a call with options, its arguments by position, by name or both. Rejects as `delay` does. */
  applyAsync(call: Call<Args, Names> & SendOptions): Promise<AsyncResult<Result>>;
  /** Runs the task here and now, through the same encoding as the wire's. Celery: `apply`. */
  apply(call: Call<Args, Names> & SendOptions): Promise<AsyncResult<Result>>;
  /** A call that is not sent yet. The arguments are the task's last: the first may be the result of what comes before it in a canvas. */
  s<Given extends LastOf<Args>>(...args: Given): Signature<Result, BeforeLast<Args, Given>>;
  /** A call that ignores the result of the task before it. */
  si(...args: Args): Signature<Result>;
  /** One call that runs the task for each item, one after the other. */
  map(items: Iterable<OnlyOf<Args>>): Signature<Result[]>;
  /** One call that runs the task for each list of arguments, one after the other. */
  starmap(lists: Iterable<Args>): Signature<Result[]>;
  /** A group of calls, each of which runs the task for `size` lists of arguments, one after the other. Throws CanvasError. */
  chunks(lists: Iterable<Args>, size: number): Group<Result[][]>;
}

/** A task whose arguments are one object of keyword arguments. */
export interface KeywordTask<Kwargs extends object, Result> {
  readonly name: string;
  readonly options: TaskOptions & ArgumentSpec;
  /** As `Task.delay`. */
  delay(kwargs: Kwargs): Promise<AsyncResult<Result>>;
  /** As `Task.applyAsync`. */
  applyAsync(call: { readonly kwargs: Kwargs } & SendOptions): Promise<AsyncResult<Result>>;
  /** As `Task.apply`. */
  apply(call: { readonly kwargs: Kwargs } & SendOptions): Promise<AsyncResult<Result>>;
  /** A call that is not sent yet. It has no place for the result of what comes before it in a canvas. */
  s(kwargs: Kwargs): Signature<Result, []>;
  /** A call that ignores the result of the task before it. */
  si(kwargs: Kwargs): Signature<Result>;
}

/** The arguments of a call: the first some by position, the rest by name. Without names, all by position. */
export type Call<Args extends readonly unknown[], Names extends readonly string[]> =
  Positional<Args> | (Names extends readonly [string, ...string[]] ? Split<Args, Names> : never);

type Positional<Args extends readonly unknown[]> = [] extends Args
  ? { readonly args?: Args; readonly kwargs?: EmptyObject }
  : { readonly args: Args; readonly kwargs?: EmptyObject };

type EmptyObject = Readonly<Record<string, never>>;

/** Every way to cut the arguments in two: `{ kwargs: {x, y} } | { args: [x], kwargs: {y} }`. */
type Split<
  Args extends readonly unknown[],
  Names extends readonly string[],
  Head extends readonly unknown[] = [],
> = Names extends readonly [string, ...infer Rest extends readonly string[]]
  ? | (Head extends []
        ? { readonly args?: []; readonly kwargs: Named<Args, Names> }
        : { readonly args: Head; readonly kwargs: Named<Args, Names> })
    | (Args extends readonly [(infer First)?, ...infer Tail] ? Split<Tail, Rest, [...Head, First]> : never)
  : never;

/** Arguments by their names; a name that ends in `?` may be left out. */
type Named<Args extends readonly unknown[], Names extends readonly string[]> = Flatten<
  {
    readonly [I in IndexOf<Names> as Names[I] extends `${string}?` ? never : Names[I]]: ArgumentAt<Args, I>;
  } & {
    readonly [I in IndexOf<Names> as Names[I] extends `${infer Name}?` ? Name : never]?: ArgumentAt<Args, I>;
  }
>;

type IndexOf<Names extends readonly unknown[]> = Extract<keyof Names, `${number}`>;
type ArgumentAt<Args extends readonly unknown[], I> = I extends keyof Args ? Args[I] : never;
type Flatten<T> = { [K in keyof T]: T[K] };

/** One name for each argument: what `params` must be for a handler that takes `Args`. */
export type NamesOf<Args extends readonly unknown[]> = { readonly [I in keyof Args]: string };

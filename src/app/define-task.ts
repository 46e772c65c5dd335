import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { TaskContext } from "./task-context.ts";
import type { KeywordTask, NamesOf, Task } from "./task.ts";
import type { ArgumentSpec, TaskOptions } from "./task-options.ts";

/** A task as the app knows it: by name, with or without a body. */
export interface TaskDefinition {
  readonly name: string;
  readonly options: TaskOptions & ArgumentSpec;
  /** Undefined for a stub: the body lives elsewhere. */
  readonly body: TaskBody | undefined;
  /** Whether calls may have any arguments; the body gets none, and finds them in its context. */
  readonly takesAnything?: boolean;
}

export interface TaskBody {
  readonly handler: (...args: never[]) => unknown;
  /** Whether the handler gets the task context as its first argument. */
  readonly bind: boolean;
}

/** With `bind: true` the handler gets the task context first, as Celery's bound tasks get `self`. */
interface Bound {
  readonly bind: true;
}
interface Unbound {
  readonly bind?: false;
}

interface Keywords<S> {
  readonly kwargs: S;
  readonly params?: readonly string[];
  readonly args?: never;
}
interface CheckedPositions<S, Names> {
  readonly args: S;
  readonly params?: Names;
  readonly kwargs?: never;
}
interface NamedPositions<Names> {
  readonly params: Names;
  readonly args?: never;
  readonly kwargs?: never;
}
interface BarePositions {
  readonly params?: never;
  readonly args?: never;
  readonly kwargs?: never;
}

type ObjectSchema = StandardSchemaV1<object, object>;
type TupleSchema = StandardSchemaV1<readonly unknown[], readonly unknown[]>;
type In<S extends StandardSchemaV1> = StandardSchemaV1.InferInput<S>;
type Out<S extends StandardSchemaV1> = StandardSchemaV1.InferOutput<S>;

/** The forms of `app.task(name, options?, handler)`. `Resources` are properties that the app adds to the context. */
export interface DefineTask<Resources extends object> {
  /** One object of keyword arguments, checked by a schema. */
  <S extends ObjectSchema, Result>(
    name: string,
    options: TaskOptions & Keywords<S> & Bound,
    handler: (context: TaskContext & Resources, kwargs: Out<S>) => Result,
  ): KeywordTask<In<S> & object, Awaited<Result>>;
  <S extends ObjectSchema, Result>(
    name: string,
    options: TaskOptions & Keywords<S> & Unbound,
    handler: (kwargs: Out<S>) => Result,
  ): KeywordTask<In<S> & object, Awaited<Result>>;

  /** Positional arguments, checked by a schema of a tuple. */
  <S extends TupleSchema, Result, const Names extends readonly string[] = []>(
    name: string,
    options: TaskOptions & CheckedPositions<S, Names> & Bound,
    handler: (context: TaskContext & Resources, ...args: Out<S> & readonly unknown[]) => Result,
  ): Task<In<S> & readonly unknown[], Names, Awaited<Result>>;
  <S extends TupleSchema, Result, const Names extends readonly string[] = []>(
    name: string,
    options: TaskOptions & CheckedPositions<S, Names> & Unbound,
    handler: (...args: Out<S> & readonly unknown[]) => Result,
  ): Task<In<S> & readonly unknown[], Names, Awaited<Result>>;

  /** Positional arguments with names, which callers may use instead. */
  <Args extends readonly unknown[], Result, const Names extends NamesOf<Args> & readonly string[]>(
    name: string,
    options: TaskOptions & NamedPositions<Names> & Bound,
    handler: (context: TaskContext & Resources, ...args: Args) => Result,
  ): Task<Args, Names, Awaited<Result>>;
  <Args extends readonly unknown[], Result, const Names extends NamesOf<Args> & readonly string[]>(
    name: string,
    options: TaskOptions & NamedPositions<Names> & Unbound,
    handler: (...args: Args) => Result,
  ): Task<Args, Names, Awaited<Result>>;

  /** Positional arguments without names. */
  <Args extends readonly unknown[], Result>(
    name: string,
    options: TaskOptions & BarePositions & Bound,
    handler: (context: TaskContext & Resources, ...args: Args) => Result,
  ): Task<Args, [], Awaited<Result>>;
  <Args extends readonly unknown[], Result>(
    name: string,
    options: TaskOptions & BarePositions & Unbound,
    handler: (...args: Args) => Result,
  ): Task<Args, [], Awaited<Result>>;
  <Args extends readonly unknown[], Result>(
    name: string,
    handler: (...args: Args) => Result,
  ): Task<Args, [], Awaited<Result>>;
}

/** The forms of `app.stub(name, options?)`: a task whose body lives in another process or language. */
export interface DefineStub {
  <Kwargs extends object, Result>(
    name: string,
    options: TaskOptions & Keywords<StandardSchemaV1<Kwargs, object>>,
  ): KeywordTask<Kwargs, Result>;
  /** `Handler` is the type of the body. */
  <Handler extends (...args: never[]) => unknown, const Names extends readonly string[] = []>(
    name: string,
    options?: TaskOptions & { readonly params?: Names; readonly args?: StandardSchemaV1; readonly kwargs?: never },
  ): Task<Parameters<Handler>, Names, Awaited<ReturnType<Handler>>>;
}

import type { Celeriac } from "celeriac";
import { MODULE, nameOf } from "./names.ts";

export class ValueError extends Error {}

/** Python's class of that name is made with any arguments. */
export class ExpectedException extends Error {
  readonly python: object;

  constructor(...args: readonly unknown[]) {
    super(args.map(String).join(", "));
    this.python = { module: MODULE, args };
  }
}

/** Python's class of that name is made with two arguments, and hands on one. */
export class UnpickleableException extends Error {
  readonly python: object;

  constructor(foo: unknown, _bar: unknown) {
    super(String(foo));
    this.python = { module: MODULE, args: [foo] };
  }
}

export function defineFailures(app: Celeriac): void {
  app.task(nameOf("raise_error"), (..._args: readonly unknown[]) => {
    throw new ValueError("deliberate error");
  });
  app.task(nameOf("fail"), (...args: readonly unknown[]) => {
    throw new ExpectedException("Task expected to fail", ...args);
  });
  app.task(nameOf("fail_unpickleable"), { params: ["foo", "bar"] }, (foo: unknown, bar: unknown) => {
    throw new UnpickleableException(foo, bar);
  });
  app.task(nameOf("return_exception"), { params: ["e"] }, (error: unknown) => [error, true]);
}

/** What `next` makes of a value: at once, without a promise, where the value is here already. A `next` that throws rejects, or throws. */
export function andThen<T, R>(value: T | PromiseLike<T>, next: (value: T) => Promise<R>): Promise<R>;
export function andThen<T, R>(value: T | PromiseLike<T>, next: (value: T) => R | Promise<R>): R | Promise<R>;
export function andThen<T, R>(value: T | PromiseLike<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return isThenable(value) ? Promise.resolve(value).then(next) : next(value);
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  const mayBe = (typeof value === "object" && value !== null) || typeof value === "function";
  return mayBe && typeof (value as { readonly then?: unknown }).then === "function";
}

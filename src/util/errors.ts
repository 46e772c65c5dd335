/** Names of the error classes that an error stands for, most derived first. `Symbol.for`: shared by every copy of this package. */
const LINEAGE: unique symbol = Symbol.for("celeriac.error.lineage");

/**
 * Base of every error that Celeriac throws. `code` is stable across releases; messages are not.
 *
 * `instanceof` compares class names, not prototypes: errors cross threads, and two copies of this package may meet in one process.
 */
export abstract class CeleriacError extends Error {
  abstract readonly code: `CELERIAC_${string}`;

  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    Object.defineProperty(this, LINEAGE, { value: lineageOf(new.target) });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== "object" || value === null) return false;
    const lineage: unknown = (value as Record<symbol, unknown>)[LINEAGE];
    return Array.isArray(lineage) && lineage.includes(this.name);
  }
}

function lineageOf(errorClass: { readonly name: string; readonly prototype: object }): readonly string[] {
  const names: string[] = [];
  let prototype: object | null = errorClass.prototype;
  while (prototype !== null && prototype !== Error.prototype) {
    names.push((prototype.constructor as { name: string }).name);
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return names;
}

/** Any thrown value as an `Error`, so that causes can be kept. */
export function toError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}

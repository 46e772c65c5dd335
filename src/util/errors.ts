/** On every error of ours. `Symbol.for`: shared by every copy of this package. */
const BRAND: unique symbol = Symbol.for("celeriac.error");

/**
 * Base of every error that Celeriac throws. `code` is stable across releases; messages are not.
 *
 * Two copies of this package may meet in one process, so `instanceof` also knows the other copy's errors: by their code, which
 * for `DeliveryLostError` is `CELERIAC_DELIVERY_LOST`.
 */
export abstract class CeleriacError extends Error {
  abstract readonly code: `CELERIAC_${string}`;

  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (inherits(value, this)) return true;
    if (!isOfAnotherCopy(value)) return false;
    return this === CeleriacError || value.code === codeOf(this.name);
  }
}

function isOfAnotherCopy(value: unknown): value is CeleriacError {
  return typeof value === "object" && value !== null && BRAND in value && !inherits(value, CeleriacError);
}

/** `instanceof` as it is for other classes. */
function inherits(value: unknown, errorClass: typeof CeleriacError): boolean {
  return Object.prototype.isPrototypeOf.call(errorClass.prototype, value as object);
}

function codeOf(className: string): string {
  const words = className.replace(/Error$/, "").replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_");
  return `CELERIAC_${words.toUpperCase()}`;
}

/** Any thrown value as an `Error`, so that causes can be kept. */
export function toError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}

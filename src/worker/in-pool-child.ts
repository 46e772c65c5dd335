import { ConfigError } from "../app/config-error.ts";

/** `Symbol.for`: also a second copy of this package must know. Each thread has a global object of its own. */
const MARK = Symbol.for("celeriac.pool-child");

/** Says that this thread or process runs tasks for a worker. */
export function markPoolChild(): void {
  Object.defineProperty(globalThis, MARK, { value: true });
}

/** Throws ConfigError in a child of a pool: an app's module that starts a worker would start one in each, without end. */
export function refuseInPoolChild(): void {
  if (!(MARK in globalThis)) return;
  throw new ConfigError(
    "A worker was started in a child of a worker's pool, which imports the app's module: start workers in another module.",
  );
}

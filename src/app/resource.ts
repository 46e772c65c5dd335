import { toError } from "../util/errors.ts";
import type { TaskContext } from "./task-context.ts";

/** Something that every run gets its own of, such as a database transaction, and that is always given back. */
export interface Resource<T> {
  /** Before the task's body. A rejection fails the run. */
  acquire(context: TaskContext): T | Promise<T>;
  /** After the body returned, the last acquired first. A rejection fails the run: its result is not stored, and what is not committed yet is rolled back. */
  commit?(value: T): unknown;
  /** After the body threw, asked for a retry, or was given up. */
  rollback?(value: T, error: unknown): unknown;
  /** Always, and last. */
  release?(value: T): unknown;
}

/** What a resource may not be called: the context's own. */
export const CONTEXT_NAMES: ReadonlySet<string> = new Set<keyof TaskContext>([
  "id",
  "task",
  "rootId",
  "parentId",
  "retries",
  "fence",
  "delivery",
  "headers",
  "properties",
  "request",
  "signal",
  "log",
  "progress",
  "retry",
]);

interface Held {
  readonly resource: Resource<unknown>;
  readonly value: unknown;
}

/**
 * Runs `body` with every resource as a property of `context`: committed when it returns and `mayCommit` agrees, rolled back
 * otherwise, always released.
 */
export async function withResources<T>(
  resources: ReadonlyMap<string, Resource<unknown>>,
  context: TaskContext,
  body: () => T | Promise<T>,
  mayCommit: () => Promise<void>,
): Promise<T> {
  let committed = 0;
  const held: Held[] = [];
  try {
    for (const [name, resource] of resources) {
      const value = await resource.acquire(context);
      held.unshift({ resource, value });
      Object.defineProperty(context, name, { value, enumerable: true });
    }
    const result = await body();
    await mayCommit();
    for (const { resource, value } of held) {
      await resource.commit?.(value);
      committed += 1;
    }
    return result;
  } catch (error) {
    await rollBack(held.slice(committed), error, context);
    throw error;
  } finally {
    await release(held, context);
  }
}

async function rollBack(held: readonly Held[], error: unknown, context: TaskContext): Promise<void> {
  for (const { resource, value } of held) {
    try {
      await resource.rollback?.(value, error);
    } catch (failure) {
      context.log.error("a resource could not be rolled back", { error: toError(failure).message });
    }
  }
}

async function release(held: readonly Held[], context: TaskContext): Promise<void> {
  for (const { resource, value } of held) {
    try {
      await resource.release?.(value);
    } catch (failure) {
      context.log.error("a resource could not be released", { error: toError(failure).message });
    }
  }
}

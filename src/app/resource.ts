import { toError } from "../util/errors.ts";
import type { TaskContext } from "./task-context.ts";

/** Something that every run gets its own of, such as a database transaction, and that is always given back. */
export interface Resource<T> {
  /** Before the task's body. A rejection fails the run. */
  acquire(context: TaskContext): T | Promise<T>;
  /** After the body returned. A rejection fails the run: its result is not stored. */
  commit?(value: T): unknown;
  /** After the body threw, asked for a retry, or was given up. */
  rollback?(value: T, error: unknown): unknown;
  /** Always, and last. */
  release?(value: T): unknown;
}

interface Held {
  readonly resource: Resource<unknown>;
  readonly value: unknown;
}

/** Runs `body` with every resource as a property of `context`: committed when it returns, rolled back when it throws, always released. */
export async function withResources<T>(
  resources: ReadonlyMap<string, Resource<unknown>>,
  context: TaskContext,
  body: () => Promise<T>,
): Promise<T> {
  if (resources.size === 0) return body();
  const held: Held[] = [];
  try {
    for (const [name, resource] of resources) {
      const value = await resource.acquire(context);
      held.unshift({ resource, value });
      Object.defineProperty(context, name, { value, enumerable: true });
    }
    const result = await body();
    for (const { resource, value } of held) await resource.commit?.(value);
    return result;
  } catch (error) {
    await rollBack(held, error, context);
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

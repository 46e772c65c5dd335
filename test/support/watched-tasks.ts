import { vi } from "vitest";
import type { ResultBackend } from "../../src/backend/result-backend.ts";

/** What a backend's watches are asked for from now on, call by call. */
export function watchedTasks(backend: ResultBackend): {
  readonly added: readonly (readonly string[])[];
  readonly removed: readonly (readonly string[])[];
} {
  const added: (readonly string[])[] = [];
  const removed: (readonly string[])[] = [];
  const watch = backend.watch.bind(backend);
  vi.spyOn(backend, "watch").mockImplementation((listener) => {
    const made = watch(listener);
    return {
      add: (taskIds) => {
        added.push(taskIds);
        return made.add(taskIds);
      },
      remove: (taskIds) => {
        removed.push(taskIds);
        made.remove(taskIds);
      },
      [Symbol.asyncDispose]: () => made[Symbol.asyncDispose](),
    };
  });
  return { added, removed };
}

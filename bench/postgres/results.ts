import type { TaskMeta } from "../../src/backend/task-meta.ts";
import { timeOrderedUuid } from "../../src/util/time-ordered-uuid.ts";

/** How many results a measurement of reading writes at once before. */
export const FILL = 500;

/** What a worker tells of a task that gave null. */
export function newResult(): TaskMeta & { readonly fence: number } {
  const now = Date.now();
  return {
    taskId: timeOrderedUuid(now),
    state: "SUCCESS",
    result: null,
    traceback: null,
    doneAt: new Date(now),
    children: [],
    parentId: null,
    groupId: null,
    fence: now * 1_000,
    isFirstRun: true,
  };
}

/** Lists of ids, of so many each, over and over, until there were `count` in all. */
export function* idsInParts(ids: readonly string[], count: number, size: number): Iterable<readonly string[]> {
  for (let done = 0; done < count; done += size) {
    const start = done % ids.length;
    yield ids.slice(start, start + size);
  }
}

import type { TaskMeta } from "../../backend/task-meta.ts";
import { script, type RedisLink } from "./connections/redis-link.ts";
import { flagsOf } from "./flags-of.ts";
import type { ResultKeys } from "./result-keys.ts";

export interface EncodedResult {
  readonly taskId: string;
  /** Made by `fenceText`. */
  readonly fence: string;
  /** The result document. */
  readonly text: string;
}

/** Nothing where there is no fence; behind a minus that of a first run, which is not remembered where that is the first to tell of the task. */
export function fenceText({ fence, isFirstRun = false }: Pick<TaskMeta, "fence" | "isFirstRun">): string {
  if (fence === undefined) return "";
  return isFirstRun ? `-${fence}` : String(fence);
}

/** Results that one script stores: others wait meanwhile. */
const AT_ONCE = 50;

/**
 * For each result the keys of its document and its fence, and its `fenceText` and the document; before these, for how long they are
 * kept in milliseconds. Answers 0 for those whose record is of a later run, with nothing stored. Else the first success stands, as in Celery
 * (`celery/backends/base.py:KeyValueStoreBackend._store_result`), which writes the state first, as we do. Most are the first of their task.
 *
 * PEXPIRE, which needs no memory, comes first of all: a server that is full refuses a script at its first write alone, and a task that cannot tell its
 * end cannot make room either.
 */
const STORE = script(`
local ttl = ARGV[1]
local stored = {}
redis.call('PEXPIRE', KEYS[2], ttl)
for i = 1, #KEYS, 2 do
  local meta, fenceKey, fence, text = KEYS[i], KEYS[i + 1], ARGV[i + 1], ARGV[i + 2]
  local isLate, isOver = false, false
  local isFirst = redis.call('SET', meta, text, 'PX', ttl, 'NX')
  if not isFirst then
    local last = fence ~= '' and redis.call('GET', fenceKey)
    isLate = last and math.abs(fence) < tonumber(last)
    isOver = string.find(redis.call('GETRANGE', meta, 0, 20), '^{"status": ?"SUCCESS"')
    if not isLate and not isOver then redis.call('SET', meta, text, 'PX', ttl) end
  end
  if not isLate and not isOver then
    redis.call('PUBLISH', meta, text)
    local isUnequalled = isFirst and fence:sub(1, 1) == '-'
    if fence ~= '' and not isUnequalled then
      redis.call('SET', fenceKey, fence:match('%d+'), 'PX', ttl)
    elseif isFirst and not isUnequalled then
      redis.call('DEL', fenceKey)
    elseif not isFirst then
      redis.call('PEXPIRE', fenceKey, ttl)
    end
  end
  stored[#stored + 1] = isLate and 0 or 1
end
return stored
`);

/** Whether each is stored, or was by an earlier success; false where a later run has told of the task. */
export async function storeResults(
  link: RedisLink,
  keys: ResultKeys,
  results: readonly EncodedResult[],
  ttlMs: number,
): Promise<readonly boolean[]> {
  return flagsOf(results, AT_ONCE, (some) => {
    const names = some.flatMap(({ taskId }) => [keys.meta(taskId), keys.fence(taskId)]);
    return link.script(STORE, names, [ttlMs, ...some.flatMap(({ fence, text }) => [fence, text])]);
  });
}

import { decodeGroup, encodeGroup, type GroupRecords, type ResultNode } from "../../backend/groups.ts";
import type { RedisLink } from "./connections/redis-link.ts";
import type { ResultKeys } from "./result-keys.ts";

export interface RedisGroupsOptions {
  readonly link: RedisLink;
  readonly keys: ResultKeys;
  /** How long a record is kept, in whole milliseconds. */
  readonly expiresMs: number;
}

/** Group records as Celery keeps and publishes them: `celery/backends/redis.py:RedisBackend.set`. */
export class RedisGroups implements GroupRecords {
  readonly #options: RedisGroupsOptions;

  constructor(options: RedisGroupsOptions) {
    this.#options = options;
  }

  async save(group: ResultNode): Promise<void> {
    const { link, keys, expiresMs } = this.#options;
    const key = keys.group(group.id);
    const text = encodeGroup(group);
    await link.transaction([
      ["SET", key, text, "PX", expiresMs],
      ["PUBLISH", key, text],
    ]);
  }

  async restore(groupId: string): Promise<ResultNode | undefined> {
    const { link, keys } = this.#options;
    const text = (await link.command(["GET", keys.group(groupId)])) as string | null;
    return text === null ? undefined : decodeGroup(text);
  }

  async forget(groupIds: readonly string[]): Promise<void> {
    const { link, keys } = this.#options;
    if (groupIds.length > 0) await link.command(["DEL", ...groupIds.map((id) => keys.group(id))]);
  }
}

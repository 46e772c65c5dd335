import { decodeGroup, encodeGroup, type GroupRecords, type ResultNode } from "../../backend/groups.ts";
import type { ExpiringMap } from "./expiring-map.ts";

export interface MemoryGroupsOptions {
  /** Records as text, by the ids of their groups. */
  readonly records: ExpiringMap<string>;
  /** How long a record is kept, in milliseconds. */
  readonly expiresMs: number;
  /** Does work unless the backend is closed. */
  readonly run: <T>(work: () => T) => Promise<T>;
}

export class MemoryGroups implements GroupRecords {
  readonly #options: MemoryGroupsOptions;

  constructor(options: MemoryGroupsOptions) {
    this.#options = options;
  }

  save(group: ResultNode): Promise<void> {
    const { records, expiresMs, run } = this.#options;
    return run(() => records.set(group.id, encodeGroup(group), expiresMs));
  }

  restore(groupId: string): Promise<ResultNode | undefined> {
    const { records, run } = this.#options;
    return run(() => {
      const text = records.get(groupId);
      return text === undefined ? undefined : decodeGroup(text);
    });
  }

  forget(groupIds: readonly string[]): Promise<void> {
    const { records, run } = this.#options;
    return run(() => {
      for (const groupId of groupIds) records.delete(groupId);
    });
  }
}

import { revocationKey } from "../app/revoke.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { Batcher } from "../util/batcher.ts";

/** Tells which tasks are revoked. What arrives together is asked for together. */
export class Revocations {
  readonly #batcher: Batcher<string, boolean> | undefined;

  constructor(keys: KeyStore | undefined) {
    if (keys === undefined) return;
    this.#batcher = new Batcher(async (taskIds) => {
      const claims = await keys.read(taskIds.map(revocationKey));
      return taskIds.map((id) => claims.has(revocationKey(id)));
    });
  }

  has(taskId: string): Promise<boolean> {
    return this.#batcher?.add(taskId) ?? Promise.resolve(false);
  }
}

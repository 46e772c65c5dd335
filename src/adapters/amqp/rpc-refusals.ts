import type { StoredCanvases } from "../../backend/canvases.ts";
import type { ChordCounters } from "../../backend/chords.ts";
import { ResultBackendUnsupportedError } from "../../backend/errors.ts";
import type { GroupRecords } from "../../backend/groups.ts";

/** What needs results that are kept. */
interface Refusals {
  readonly groups: GroupRecords;
  readonly chords: ChordCounters;
  readonly canvases: StoredCanvases;
}

/** Celery: `celery/backends/rpc.py:RPCBackend.ensure_chords_allowed`, `save_group`, `restore_group`, `delete_group`. */
export function rpcRefusals(url: string): Refusals {
  const refuse = (what: string) => async (): Promise<never> => {
    throw new ResultBackendUnsupportedError(url, `${what} Use a backend that keeps results, such as Redis.`);
  };
  const groups = refuse("groups are not saved where results are only sent.");
  const chords = refuse(
    "the rpc result backend does not support chords, since nobody counts its members. A group that is followed by a task is a chord too.",
  );
  const canvases = refuse("what follows a task is not stored where results are only sent.");
  const nothing = async (): Promise<void> => undefined;
  return {
    groups: { save: groups, restore: groups, forget: groups },
    // Of no chord is anything known here, so that none is overdue, and none has to be ended.
    chords: { begin: chords, watch: chords, grow: chords, join: chords, takeOverdue: async () => [], end: nothing },
    canvases: { save: canvases, load: async () => undefined },
  };
}

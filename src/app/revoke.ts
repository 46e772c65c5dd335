import { failureDocument, type Failure } from "../backend/failure.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { isReady, type TaskMeta } from "../backend/task-meta.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { KeysUnsupportedError } from "./errors.ts";

/** How long a revocation is remembered, in milliseconds: longer than anything is likely to wait in a queue. 30 days. */
const REMEMBERED_MS = 30 * 86_400_000;
const PREFIX = "revoked:";
const OWNER = "revoked";
/** The key's value where a run under way is to be ended too. */
const TERMINATE = "terminate";

/** The key that says that a task is revoked. */
function revocationKey(taskId: string): string {
  return PREFIX + taskId;
}

export interface RevokeOptions {
  /** Whether a run that is under way is ended too: its signal aborts, and what does not end is killed, or in the inline pool given up. @default false */
  readonly terminate?: boolean;
}

/** False only when no task is revoked at all. */
export function mayHaveRevocations(keys: KeyStore): boolean | Promise<boolean> {
  return keys.mayHave(PREFIX);
}

/** Which of these tasks are revoked, and whether their runs are to be ended. */
export async function readRevocations(
  taskIds: readonly string[],
  keys: KeyStore,
): Promise<ReadonlyMap<string, Required<RevokeOptions>>> {
  const claims = await keys.read(taskIds.map(revocationKey));
  return new Map(
    taskIds.flatMap((id) => {
      const claim = claims.get(revocationKey(id));
      return claim === undefined ? [] : [[id, { terminate: claim.value === TERMINATE }] as const];
    }),
  );
}

/** Notes that tasks must not start, and stores REVOKED at once for those that have not ended. Celery: `celery/worker/control.py:_revoke`. */
export async function revokeTasks(
  taskIds: readonly string[],
  { terminate = false }: RevokeOptions,
  parts: { readonly keys: KeyStore | undefined; readonly backend: ResultBackend | undefined; readonly now: number },
): Promise<void> {
  const { keys, backend, now } = parts;
  if (keys === undefined) throw new KeysUnsupportedError("Tasks cannot be revoked");
  const value = terminate ? TERMINATE : undefined;
  await Promise.all(taskIds.map((id) => keys.claim(revocationKey(id), OWNER, REMEMBERED_MS, value)));
  if (backend === undefined) return;
  const known = await backend.fetch(taskIds);
  const unended = taskIds.filter((id) => !isReady(known.get(id)?.state ?? "PENDING"));
  await backend.store(
    unended.map((taskId) => revokedMeta({ taskId, parentId: null, groupId: null }, "revoked", new Date(now))),
  );
}

/** Why a task ended REVOKED. `terminated`: its run was ended; `discarded`: its concurrency key was taken. */
export type RevocationReason = "revoked" | "expired" | "terminated" | "discarded";

/** The REVOKED record of a task that will not run. Celery: `celery.exceptions.TaskRevokedError`. */
export function revokedMeta(
  task: Pick<TaskMeta, "taskId" | "parentId" | "groupId">,
  reason: RevocationReason,
  doneAt: Date,
): TaskMeta {
  const failure: Failure = {
    exc_type: "TaskRevokedError",
    exc_message: [reason],
    exc_module: "celery.exceptions",
    traceback: null,
  };
  return { ...task, state: "REVOKED", result: failureDocument(failure), traceback: null, doneAt, children: [] };
}

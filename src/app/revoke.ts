import { failureDocument, type Failure } from "../backend/failure.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import { isReady, type TaskMeta } from "../backend/task-meta.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { CeleriacError } from "../util/errors.ts";

/** How long a revocation is remembered, in milliseconds: longer than anything is likely to wait in a queue. 30 days. */
const REMEMBERED_MS = 30 * 86_400_000;
const OWNER = "revoked";

/** Neither the broker nor the result backend can keep what the whole fleet must know. */
export class RevocationUnsupportedError extends CeleriacError {
  readonly code = "CELERIAC_REVOCATION_UNSUPPORTED";
  constructor() {
    super("Tasks cannot be revoked: neither the broker nor the result backend keeps fleet-wide keys.");
  }
}

/** The key that says that a task is revoked. */
export function revocationKey(taskId: string): string {
  return `revoked:${taskId}`;
}

/** Notes that tasks must not start, and stores REVOKED at once for those that have not ended. Celery: `celery/worker/control.py:_revoke`. */
export async function revokeTasks(
  taskIds: readonly string[],
  parts: { readonly keys: KeyStore | undefined; readonly backend: ResultBackend | undefined; readonly now: number },
): Promise<void> {
  const { keys, backend, now } = parts;
  if (keys === undefined) throw new RevocationUnsupportedError();
  await Promise.all(taskIds.map((id) => keys.claim(revocationKey(id), OWNER, REMEMBERED_MS)));
  if (backend === undefined) return;
  const known = await backend.fetch(taskIds);
  const unended = taskIds.filter((id) => !isReady(known.get(id)?.state ?? "PENDING"));
  await backend.store(
    unended.map((taskId) => revokedMeta({ taskId, parentId: null, groupId: null }, "revoked", new Date(now))),
  );
}

/** The REVOKED record of a task that will not run. Celery: `celery.exceptions.TaskRevokedError`. */
export function revokedMeta(
  task: Pick<TaskMeta, "taskId" | "parentId" | "groupId">,
  reason: "revoked" | "expired",
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

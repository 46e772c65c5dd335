import { failureDocument, type Failure } from "../backend/failure.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { TaskMeta } from "../backend/task-meta.ts";
import type { KeyStore } from "../broker/key-store.ts";
import { KeysUnsupportedError } from "./errors.ts";
import { claimRevocations, revocationOf, type RevokeOptions } from "./revocation-claims.ts";

const PREFIX = "revoked:";

/** The key that says that a task is revoked. */
function revocationKey(taskId: string): string {
  return PREFIX + taskId;
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
      return claim === undefined ? [] : [[id, revocationOf(claim)] as const];
    }),
  );
}

/** States of a task that nobody has begun, as far as is known. Celery: `celery/worker/control.py:_revoke`. */
const UNBEGUN: ReadonlySet<string> = new Set(["PENDING", "RECEIVED", "RETRY", "REJECTED"]);

/** Notes that tasks must not start, and stores REVOKED at once for those that nobody has begun: what runs ends as it ends, and its worker says how. Celery: `celery/worker/control.py:_revoke`. */
export async function revokeTasks(
  taskIds: readonly string[],
  options: RevokeOptions,
  parts: {
    readonly keys: KeyStore | undefined;
    readonly backend: ResultBackend | undefined;
    readonly now: number;
    /** Ids of tasks that run, whatever is stored of them: few tasks store that they have begun. @default none */
    readonly begun?: ReadonlySet<string>;
  },
): Promise<void> {
  const { keys, backend, now, begun = new Set() } = parts;
  if (keys === undefined) throw new KeysUnsupportedError("Tasks cannot be revoked");
  await claimRevocations(taskIds.map(revocationKey), options, keys);
  if (backend === undefined) return;
  const known = await backend.fetch(taskIds);
  const unbegun = taskIds.filter((id) => !begun.has(id) && UNBEGUN.has(known.get(id)?.state ?? "PENDING"));
  await backend.store(
    unbegun.map((taskId) => revokedMeta({ taskId, parentId: null, groupId: null }, "revoked", new Date(now))),
  );
}

/** Why a task ended REVOKED. `terminated`: its run was ended; `discarded`: its concurrency key was taken. */
export type RevocationReason = "revoked" | "expired" | "terminated" | "discarded";

/** The REVOKED record of a task that will not run. Celery: `celery.exceptions.TaskRevokedError`. */
export function revokedMeta(
  task: Pick<TaskMeta, "taskId" | "parentId" | "groupId" | "replyTo">,
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

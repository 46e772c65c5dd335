import type { TaskMeta } from "celeriac";

/** A task's state as HTTP: 200 once it succeeded, 206 while it has not ended, 203 when it will not succeed. */
export interface TaskStatus {
  readonly code: 200 | 203 | 206;
  readonly body: {
    readonly id: string;
    readonly state: string;
    readonly result?: unknown;
    readonly error?: { readonly type: string; readonly message: string };
    /** Line by line. */
    readonly traceback?: readonly string[];
  };
}

/** `meta` is undefined for a task that nothing is known of: it may be waiting still. */
export function taskStatus(id: string, meta: TaskMeta | undefined): TaskStatus {
  const state = meta?.state ?? "PENDING";
  if (state === "SUCCESS") return { code: 200, body: { id, state, result: meta?.result } };
  if (state !== "FAILURE" && state !== "REVOKED") return { code: 206, body: { id, state } };
  const traceback = (meta?.traceback ?? "").split("\n").filter((line) => line !== "");
  return { code: 203, body: { id, state, error: readError(meta?.result), traceback } };
}

/** Celery's exception document. */
function readError(result: unknown): { readonly type: string; readonly message: string } {
  const { exc_type, exc_message } = (result ?? {}) as { readonly exc_type?: unknown; readonly exc_message?: unknown };
  const [message = ""] = Array.isArray(exc_message) ? (exc_message as readonly unknown[]) : [exc_message];
  return { type: String(exc_type), message: String(message) };
}

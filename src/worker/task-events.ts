import type { TaskRegistry } from "../app/registry.ts";
import type { RevocationReason } from "../app/revoke.ts";
import { reprFailure, type Failure } from "../backend/failure.ts";
import type { EventDispatcher } from "../events/event-dispatcher.ts";
import type { TaskErrorFields, TaskIdField } from "../events/event.ts";
import { decodeJson, type EncodedJson } from "../message/json.ts";
import { pythonRepr } from "../message/python-repr.ts";
import { isoFormat } from "../message/python-values.ts";
import type { TaskRequest } from "../message/task-request.ts";

/** Longest JSON that is read to show it as Python would, in characters; of what is longer the beginning is shown as it is. */
const MAX_READ = 64 * 1024;
const SHOWN = 1_000;

/** Deferred calls whose arrival was told and that are remembered; of more, the oldest are forgotten, and told again. */
const MOST_DEFERRED = 10_000;

/** What ending a run is nearest to: SIGTERM, as Celery has it where nothing is said. */
const TERM = 15;

/**
 * What a worker tells monitors of its tasks. While nobody wants to know, each of these costs a look; it throws nothing, and nobody waits for it.
 * Celery: `celery/worker/strategy.py:default`, `celery/worker/request.py:Request`.
 */
export class TaskEvents {
  readonly #dispatcher: Pick<EventDispatcher, "note" | "sendsTaskEvents">;
  readonly #tasks: Pick<TaskRegistry, "get">;
  /** Calls whose arrival was told though they are not due, oldest first. */
  readonly #deferred = new Set<string>();

  constructor(dispatcher: Pick<EventDispatcher, "note" | "sendsTaskEvents">, tasks: Pick<TaskRegistry, "get">) {
    this.#dispatcher = dispatcher;
    this.#tasks = tasks;
  }

  /** A call that is put back until it is due: its arrival is told once, by each worker that it comes to. */
  deferred(request: TaskRequest): void {
    const call = callOf(request);
    if (this.#deferred.has(call) || !this.#tells(request)) return;
    this.#tellReceived(request);
    this.#deferred.add(call);
    const [oldest] = this.#deferred;
    if (this.#deferred.size > MOST_DEFERRED && oldest !== undefined) this.#deferred.delete(oldest);
  }

  received(request: TaskRequest): void {
    const wasTold = this.#deferred.size > 0 && this.#deferred.delete(callOf(request));
    if (!wasTold && this.#tells(request)) this.#tellReceived(request);
  }

  #tellReceived(request: TaskRequest): void {
    this.#dispatcher.note("task-received", () => {
      const { id, task, shadow, argsRepr, kwargsRepr, rootId, parentId, retries, eta, expires } = request;
      return {
        uuid: id,
        name: shadow ?? task,
        args: argsRepr,
        kwargs: kwargsRepr,
        root_id: rootId,
        parent_id: parentId,
        retries,
        eta: isoText(eta),
        expires: isoText(expires),
      };
    });
  }

  started(request: TaskRequest): void {
    if (this.#tells(request)) this.#dispatcher.note("task-started", () => ({ uuid: request.id }));
  }

  /** `runtime` is in seconds. */
  succeeded(request: TaskRequest, value: EncodedJson, runtime: number): void {
    if (!this.#tells(request)) return;
    this.#dispatcher.note("task-succeeded", () => ({ uuid: request.id, result: reprOf(value), runtime }));
  }

  failed(request: TaskRequest, failure: Failure): void {
    if (!this.#tells(request)) return;
    this.#dispatcher.note("task-failed", () => errorFields(request, failure));
  }

  retried(request: TaskRequest, failure: Failure): void {
    if (!this.#tells(request)) return;
    this.#dispatcher.note("task-retried", () => errorFields(request, failure));
  }

  revoked(request: TaskRequest, reason: RevocationReason): void {
    if (!this.#tells(request)) return;
    const terminated = reason === "terminated";
    const signum = terminated ? TERM : null;
    this.#dispatcher.note("task-revoked", () => ({
      uuid: request.id,
      terminated,
      signum,
      expired: reason === "expired",
    }));
  }

  rejected(request: TaskRequest, { requeue }: { readonly requeue: boolean }): void {
    if (this.#tells(request)) this.#dispatcher.note("task-rejected", () => ({ uuid: request.id, requeue }));
  }

  /** Its run was given up here. */
  cancelled(request: TaskRequest): void {
    if (this.#tells(request)) this.#dispatcher.note("task-cancelled", () => ({ uuid: request.id }));
  }

  #tells({ task }: TaskRequest): boolean {
    return this.#dispatcher.sendsTaskEvents && this.#tasks.get(task)?.options.sendEvents !== false;
  }
}

function errorFields({ id }: TaskRequest, failure: Failure): TaskIdField & TaskErrorFields {
  return { uuid: id, exception: reprFailure(failure), traceback: failure.traceback };
}

/** A retry is another call of the same task. */
function callOf({ id, retries }: TaskRequest): string {
  return `${id} ${String(retries)}`;
}

/** Null too for a time in Python's last year elsewhere that is beyond it in UTC. */
function isoText(date: Date | null): string | null {
  try {
    return date && isoFormat(date);
  } catch {
    return null;
  }
}

function reprOf({ text }: EncodedJson): string {
  return text.length > MAX_READ ? `${text.slice(0, SHOWN)}...` : pythonRepr(decodeJson(text));
}

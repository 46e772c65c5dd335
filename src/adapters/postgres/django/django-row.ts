import type { TaskMeta } from "../../../backend/task-meta.ts";
import { EncodedJson, encodeJson } from "../../../message/json.ts";

/** What Django's table has of a result beside its id and state, as text. Source: `django_celery_results/backends/database.py:DatabaseBackend._store_result`. */
export interface DjangoRow {
  /** JSON. */
  readonly result: string;
  readonly traceback: string | null;
  /** JSON: the children. */
  readonly meta: string;
  /** The others are null without the `resultExtended` option. */
  readonly name: string | null;
  /** JSON. */
  readonly args: string | null;
  /** JSON. */
  readonly kwargs: string | null;
  readonly worker: string | null;
}

/** The columns' values, in the order in which SQL has them. */
export const DJANGO_COLUMNS = ["result", "traceback", "meta", "name", "args", "kwargs", "worker"] as const;

export function djangoRow({ result, traceback, children, extended }: TaskMeta): DjangoRow {
  return {
    result: result instanceof EncodedJson ? result.text : encodeJson(result, "result"),
    traceback: plain(traceback),
    meta: `{"children":${encodeJson(children, "children")}}`,
    name: plain(extended?.name),
    args: extended === undefined ? null : encodeJson(extended.args, "args"),
    kwargs: extended === undefined ? null : encodeJson(extended.kwargs, "kwargs"),
    worker: plain(extended?.worker),
  };
}

/** No text of Postgres has a NUL. */
function plain(text: string | null | undefined): string | null {
  return text?.replaceAll("\0", "\uFFFD") ?? null;
}

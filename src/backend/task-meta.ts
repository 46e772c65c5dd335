import { decodeJson, EncodedJson, encodeJson } from "../message/json.ts";
import { instantFrom, isoFormat, PlainDateTime } from "../message/python-values.ts";
import { UnreadableResultError } from "./errors.ts";

/** Celery's states; tasks may report others of their own, such as `PROGRESS`. */
export type TaskState =
  "PENDING" | "RECEIVED" | "STARTED" | "SUCCESS" | "FAILURE" | "RETRY" | "REVOKED" | (string & {});

/** What is known of one run of a task. Celery's result document: `celery/backends/base.py:_get_result_meta`. */
export interface TaskMeta {
  readonly taskId: string;
  readonly state: TaskState;
  /** The value for SUCCESS, the exception document for RETRY, FAILURE and REVOKED, whatever was reported for other states. An EncodedJson is stored as it is. */
  readonly result: unknown;
  readonly traceback: string | null;
  /** When the task ended; null while it has not. */
  readonly doneAt: Date | null;
  /** Result tuples of the tasks that this one sent: `[[id, parent], null]`. */
  readonly children: readonly unknown[];
  readonly parentId: string | null;
  readonly groupId: string | null;
  /** Present with the `resultExtended` option. */
  readonly extended?: ExtendedMeta;
  /** Which run tells this: a later run of the task has a greater number. For `ResultBackend.store` alone: no part of the document, so what is fetched has none. */
  readonly fence?: number | undefined;
  /** Whom it is for, where results are sent and not kept; null for nobody. For `store` alone too. @default not known */
  readonly replyTo?: string | null | undefined;
  /** Whether the run that tells this is its message's first: a store that knows nothing of the task yet may do without remembering the fence. For `store` alone too. */
  readonly isFirstRun?: boolean | undefined;
}

export interface ExtendedMeta {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly worker: string;
  readonly retries: number;
  readonly queue: string;
  /** The call's stamps by their names. @default none */
  readonly stamps?: Readonly<Record<string, unknown>>;
}

const READY_STATES: ReadonlySet<string> = new Set(["SUCCESS", "FAILURE", "REVOKED"]);

/** Whether the task has ended: nothing follows SUCCESS, FAILURE or REVOKED but a new run. Celery: `celery/states.py`. */
export function isReady(state: TaskState): boolean {
  return READY_STATES.has(state);
}

/**
 * Celery's result document as JSON text. Put together by hand: it is written once per task, and its frame is always the same.
 *
 * Rejects what JSON cannot hold with EncodeError.
 */
export function encodeMeta(meta: TaskMeta): string {
  let text = `{"status":${JSON.stringify(meta.state)},"result":${jsonOf(meta.result, "result")}`;
  text += `,"traceback":${meta.traceback === null ? "null" : JSON.stringify(meta.traceback)}`;
  text += `,"children":${meta.children.length === 0 ? "[]" : encodeJson(meta.children, "children")}`;
  text += `,"date_done":${meta.doneAt === null ? "null" : `"${isoFormat(meta.doneAt)}"`}`;
  if (meta.groupId !== null) text += `,"group_id":${JSON.stringify(meta.groupId)}`;
  if (meta.parentId !== null) text += `,"parent_id":${JSON.stringify(meta.parentId)}`;
  if (meta.extended !== undefined) text += extendedFields(meta.extended);
  return `${text},"task_id":${JSON.stringify(meta.taskId)}}`;
}

function extendedFields(extended: ExtendedMeta): string {
  return (
    `,"name":${JSON.stringify(extended.name)},"args":${jsonOf(extended.args, "args")},"kwargs":${jsonOf(extended.kwargs, "kwargs")}` +
    `,"worker":${JSON.stringify(extended.worker)},"retries":${extended.retries},"queue":${JSON.stringify(extended.queue)}` +
    stampFields(extended.stamps ?? {})
  );
}

/** Fields of the document: a stamp of such a name cannot stand beside them. */
const FIELDS: ReadonlySet<string> = new Set(
  (
    "status result traceback children date_done group_id parent_id task_id name args kwargs worker retries queue " +
    "stamped_headers"
  ).split(" "),
);

/** Each stamp under its own name, and all the names. Source: `celery/backends/base.py:Backend._get_result_meta`. */
function stampFields(stamps: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(stamps).filter((name) => !FIELDS.has(name));
  if (names.length === 0) return "";
  const fields = names.map((name) => `,${JSON.stringify(name)}:${encodeJson(stamps[name], `stamps.${name}`)}`);
  return `,"stamped_headers":${JSON.stringify(names)}${fields.join("")}`;
}

function jsonOf(value: unknown, name: string): string {
  return value instanceof EncodedJson ? value.text : encodeJson(value, name);
}

/**
 * Reads what any version of Celery stored. Fields of the frame that are missing or odd are read as absent, so that an unusual
 * document still tells its state; a text that is no result document throws UnreadableResultError.
 */
export function decodeMeta(text: string): TaskMeta {
  const document = readDocument(text);
  const { status, task_id: taskId } = document;
  if (typeof status !== "string" || status === "")
    throw new UnreadableResultError(`"status" is not a state: ${typeof status}`);
  if (typeof taskId !== "string" || taskId === "")
    throw new UnreadableResultError(`"task_id" is not an id: ${typeof taskId}`);
  const extended = readExtended(document);
  return {
    taskId,
    state: status,
    result: document["result"] ?? null,
    traceback: stringOrNull(document["traceback"]),
    doneAt: readDate(document["date_done"]),
    children: arrayOrEmpty(document["children"]),
    parentId: stringOrNull(document["parent_id"]),
    groupId: stringOrNull(document["group_id"]),
    ...(extended === undefined ? {} : { extended }),
  };
}

function readDocument(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = decodeJson(text);
  } catch (cause) {
    throw new UnreadableResultError("it is not JSON", { cause });
  }
  if (!isRecord(value)) throw new UnreadableResultError("it is not a JSON object");
  return value;
}

/** Celery writes `name` with `result_extended` only; null when the request was not known. */
function readExtended(document: Readonly<Record<string, unknown>>): ExtendedMeta | undefined {
  const { name, kwargs, retries } = document;
  if (typeof name !== "string") return undefined;
  return {
    name,
    args: arrayOrEmpty(document["args"]),
    kwargs: isRecord(kwargs) ? kwargs : {},
    worker: stringOrNull(document["worker"]) ?? "",
    retries: typeof retries === "number" ? retries : 0,
    queue: stringOrNull(document["queue"]) ?? "",
    ...readStamps(document),
  };
}

function readStamps(document: Readonly<Record<string, unknown>>): Pick<ExtendedMeta, "stamps"> {
  const names = arrayOrEmpty(document["stamped_headers"]).filter(
    (name): name is string => typeof name === "string" && !FIELDS.has(name) && Object.hasOwn(document, name),
  );
  return names.length === 0 ? {} : { stamps: Object.fromEntries(names.map((name) => [name, document[name]])) };
}

/** Text, by older Celery in UTC without saying so; an envelope was read as a date already. */
function readDate(value: unknown): Date | null {
  if (value instanceof Date) return value;
  if (typeof value !== "string" && !(value instanceof PlainDateTime)) return null;
  try {
    return instantFrom(String(value));
  } catch {
    return null;
  }
}

function stringOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function arrayOrEmpty(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

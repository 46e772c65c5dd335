import { systemClock } from "../util/clock.ts";
import { compress } from "./compression.ts";
import type { Compression } from "./compression.ts";
import { EncodeError, UnreadableMessageError } from "./errors.ts";
import { FieldReader, isDict } from "./fields.ts";
import type { Dict } from "./fields.ts";
import { encodeJson, isPlainJson } from "./json.ts";
import type { Message, MessageProperties } from "./message.ts";
import { reprArgs, reprKwargs } from "./python-repr.ts";
import { isoFormat } from "./python-values.ts";
import { jsonSerializer, utf8Bytes } from "./serializer.ts";
import { signatureFromDict, signaturesFrom } from "./signature-dict.ts";
import type { FollowUps, SignatureDict, TaskRequest, TimeLimit } from "./task-request.ts";

export interface EncodeTaskOptions {
  /** @default none */
  readonly compression?: Compression | undefined;
  /** Milliseconds since the epoch: what is left until `expires` is counted from here. @default now */
  readonly now?: number | undefined;
}

/**
 * A task call as Celery's task protocol 2 has it. Throws EncodeError for arguments and headers that cannot cross the wire.
 *
 * Celery: `celery/app/amqp.py:AMQP.as_task_v2`.
 */
export function encodeTask(request: TaskRequest, options: EncodeTaskOptions = {}): Message {
  const { args, kwargs, followUps } = request;
  const body = utf8Bytes(`[${encodeJson(args, "args")},${encodeJson(kwargs, "kwargs")},${encodeFollowUps(followUps)}]`);
  const compressed = options.compression === undefined ? undefined : compress(body, options.compression);
  return {
    body: compressed?.body ?? body,
    contentType: jsonSerializer.contentType,
    contentEncoding: jsonSerializer.contentEncoding,
    headers: headersOf(request, compressed?.contentType),
    properties: propertiesOf(request, options.now),
  };
}

/** What a message of protocol 2 says, its body decoded. Throws UnreadableMessageError. */
export function readTaskV2(headers: Dict, body: unknown, properties: MessageProperties): TaskRequest {
  const [args, kwargs, embed] = readBody(body);
  const header = new FieldReader(headers, "header");
  const property = new FieldReader(properties, "property");
  const id = header.text("id");
  return {
    id,
    task: header.text("task"),
    args,
    kwargs,
    rootId: nonEmpty(header.textOrNull("root_id")) ?? id,
    parentId: header.textOrNull("parent_id"),
    groupId: header.textOrNull("group"),
    groupIndex: header.count("group_index"),
    shadow: header.textOrNull("shadow"),
    eta: header.date("eta"),
    expires: header.date("expires"),
    retries: header.count("retries") ?? 0,
    timeLimit: readTimeLimit(header.list("timelimit")),
    argsRepr: header.textOrNull("argsrepr") ?? reprArgs(args),
    kwargsRepr: header.textOrNull("kwargsrepr") ?? reprKwargs(kwargs),
    origin: header.textOrNull("origin") ?? "",
    ignoreResult: header.flagOrNull("ignore_result"),
    replacedTaskNesting: header.count("replaced_task_nesting") ?? 0,
    stamps: header.dict("stamps"),
    headers: customHeaders(headers),
    replyTo: nonEmpty(property.textOrNull("replyTo")),
    priority: property.count("priority"),
    followUps: readFollowUps(embed),
  };
}

const NO_EMBED = '{"callbacks":null,"errbacks":null,"chain":null,"chord":null}';

function encodeFollowUps({ callbacks, errbacks, chain, chord }: FollowUps): string {
  if (chord === null && callbacks.length + errbacks.length + chain.length === 0) return NO_EMBED;
  const lists = { callbacks: orNull(callbacks), errbacks: orNull(errbacks), chain: orNull(chain) };
  return encodeJson({ ...lists, chord }, "followUps");
}

/** Celery tells "none" by null. */
function orNull(signatures: readonly SignatureDict[]): readonly SignatureDict[] | null {
  return signatures.length === 0 ? null : signatures;
}

function headersOf(request: TaskRequest, compression: string | undefined): Record<string, unknown> {
  const { timeLimit, stamps } = request;
  const stampNames = Object.keys(stamps);
  if (stampNames.length > 0) requirePlain(stamps, "stamps");
  return {
    ...checkedCustomHeaders(request.headers),
    lang: "js",
    task: request.task,
    id: request.id,
    shadow: request.shadow,
    eta: isoOrNull(request.eta, "eta"),
    expires: isoOrNull(request.expires, "expires"),
    group: request.groupId,
    group_index: request.groupIndex,
    retries: request.retries,
    timelimit: [seconds(timeLimit.hardMs), seconds(timeLimit.softMs)],
    root_id: request.rootId,
    parent_id: request.parentId,
    argsrepr: request.argsRepr,
    kwargsrepr: request.kwargsRepr,
    origin: request.origin,
    ignore_result: request.ignoreResult,
    replaced_task_nesting: request.replacedTaskNesting,
    stamped_headers: stampNames.length === 0 ? null : stampNames,
    stamps,
    ...(compression === undefined ? {} : { compression }),
  };
}

function propertiesOf(request: TaskRequest, now: number | undefined): MessageProperties {
  const { id: correlationId, expires, priority, replyTo } = request;
  const properties: { -readonly [K in keyof MessageProperties]: MessageProperties[K] } =
    replyTo === null ? { correlationId } : { correlationId, replyTo };
  properties.priority = priority ?? 0;
  properties.deliveryMode = 2;
  if (expires !== null) properties.expirationMs = Math.max(0, expires.getTime() - (now ?? systemClock.now()));
  return properties;
}

function isoOrNull(date: Date | null, path: string): string | null {
  if (date === null) return null;
  try {
    return isoFormat(date);
  } catch (error) {
    throw new EncodeError(path, `it is ${(error as RangeError).message}`);
  }
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function readBody(body: unknown): readonly [args: readonly unknown[], kwargs: Dict, embed: Dict] {
  if (!Array.isArray(body) || body.length !== 3) {
    throw new UnreadableMessageError("its body is not a list of args, kwargs and embed");
  }
  const [args, kwargs, embed] = body as readonly unknown[];
  if (!Array.isArray(args)) throw new UnreadableMessageError("the positional arguments are not a list");
  if (!isDict(kwargs)) throw new UnreadableMessageError("the keyword arguments are not an object");
  if (embed !== null && !isDict(embed))
    throw new UnreadableMessageError("the third element of its body is not an object");
  return [args, kwargs, embed ?? {}];
}

function readFollowUps(embed: Dict): FollowUps {
  const chord = embed["chord"] ?? null;
  return {
    callbacks: signaturesFrom(embed["callbacks"], "callbacks"),
    errbacks: signaturesFrom(embed["errbacks"], "errbacks"),
    chain: signaturesFrom(embed["chain"], "chain"),
    chord: chord === null ? null : signatureFromDict(chord, "chord"),
  };
}

function readTimeLimit(limits: readonly unknown[]): TimeLimit {
  const [hard, soft] = limits;
  return { softMs: milliseconds(soft), hardMs: milliseconds(hard) };
}

function milliseconds(limit: unknown): number | null {
  if (limit === null || limit === undefined) return null;
  if (typeof limit === "number" && limit >= 0 && Number.isFinite(limit)) return Math.round(limit * 1000);
  throw new UnreadableMessageError('the header "timelimit" is not [hard, soft] in seconds');
}

/** Celery's own; everything else in the headers is the caller's. Celery: `celery/app/task.py:Context._get_custom_headers`. */
const CELERY_HEADERS: ReadonlySet<string> = new Set(
  (
    "args argsrepr callbacks called_directly chain children chord compression correlation_id delivery_info errbacks eta expires " +
    "group group_index headers hostname id ignore_result is_eager kwargs kwargsrepr lang logfile loglevel origin parent_id " +
    "properties replaced_task_nesting reply_to retries root_id shadow soft_time_limit stamped_headers stamps task taskset " +
    "time_limit timelimit utc"
  ).split(" "),
);

function customHeaders(headers: Dict): Dict {
  const names = Object.keys(headers).filter((name) => !CELERY_HEADERS.has(name));
  return names.length === 0 ? NO_HEADERS : Object.fromEntries(names.map((name) => [name, headers[name]]));
}

/** What most messages have of their own. */
const NO_HEADERS: Dict = Object.freeze({});

function checkedCustomHeaders(headers: Dict): Dict {
  for (const name in headers) {
    if (CELERY_HEADERS.has(name)) throw new EncodeError(`headers.${name}`, "the header is Celery's own");
    requirePlain(headers[name], `headers.${name}`);
  }
  return headers;
}

/** Brokers keep headers as plain JSON, some as AMQP tables: there is no place for Kombu's typed values. */
function requirePlain(value: unknown, path: string): void {
  if (!isPlainJson(value)) throw new EncodeError(path, "a header takes plain JSON values only");
}

function nonEmpty(text: string | null): string | null {
  return text === "" ? null : text;
}

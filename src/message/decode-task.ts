import { decompress } from "./compression.ts";
import { UnreadableMessageError } from "./errors.ts";
import { isDict } from "./fields.ts";
import type { Dict } from "./fields.ts";
import type { Message } from "./message.ts";
import { upgradeHybridTask, upgradeTaskV1 } from "./protocol-v1.ts";
import { readTaskV2 } from "./protocol-v2.ts";
import { serializerFor } from "./serializer.ts";
import type { TaskRequest } from "./task-request.ts";

export interface DecodeTaskOptions {
  /** Serializers that are read, by name or content type. */
  readonly accept: readonly string[];
}

/**
 * The task call in a message of Celery's task protocol 2, 1, or the hybrid of both. Whatever is wrong with it,
 * UnreadableMessageError says so, and nothing else is thrown.
 *
 * Celery tells them apart in `celery/worker/consumer/consumer.py:create_task_handler` and `celery/worker/strategy.py:default`.
 */
export function decodeTask(message: Message, options: DecodeTaskOptions): TaskRequest {
  const { headers, properties } = message;
  if (!isDict(headers)) throw new UnreadableMessageError("its headers are not an object");
  const body = decodeBody(message, headers, options.accept);
  if (headers["task"] === undefined) {
    const upgraded = upgradeTaskV1(headers, body);
    return readTaskV2(upgraded.headers, upgraded.body, properties);
  }
  if (isDict(body) && "args" in body) {
    const upgraded = upgradeHybridTask(headers, body);
    return readTaskV2(upgraded.headers, upgraded.body, properties);
  }
  return readTaskV2(headers, body, properties);
}

function decodeBody(message: Message, headers: Dict, accept: readonly string[]): unknown {
  const serializer = serializerFor(message.contentType, accept);
  const compression = headers["compression"] ?? null;
  if (compression === null) return serializer.decode(message.body);
  if (typeof compression !== "string") throw new UnreadableMessageError('the header "compression" is not text');
  return serializer.decode(decompress(message.body, compression));
}

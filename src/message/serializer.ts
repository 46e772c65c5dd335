import { isUtf8 } from "node:buffer";
import { UnreadableMessageError } from "./errors.ts";
import { decodeJson, encodeJson } from "./json.ts";

/** How values become the bytes of a body, and back. Kombu: `kombu/serialization.py`. */
export interface Serializer {
  /** Short name, as in Celery's `task_serializer` and `accept_content`. */
  readonly name: string;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Throws EncodeError. */
  encode(value: unknown): Uint8Array;
  /** Throws UnreadableMessageError. */
  decode(bytes: Uint8Array): unknown;
}

/** Kombu reads JSON as UTF-8 whatever a message's content encoding says, and so does this. */
export const jsonSerializer: Serializer = {
  name: "json",
  contentType: "application/json",
  contentEncoding: "utf-8",
  encode: (value) => utf8Bytes(encodeJson(value)),
  decode: (bytes) => decodeJson(utf8Text(bytes)),
};

const SERIALIZERS: readonly Serializer[] = [jsonSerializer];

/** Bytes that run code when they are read: a sender would own the worker. */
const PICKLE: readonly string[] = ["application/x-python-serialize", "application/x-python-pickle", "pickle"];

/**
 * The serializer for a content type, which must be in `accept` by its name or by its content type.
 * Throws UnreadableMessageError.
 */
export function serializerFor(contentType: string, accept: readonly string[]): Serializer {
  if (PICKLE.includes(contentType)) {
    throw new UnreadableMessageError(
      "its content is a Python pickle, which can run any code when it is read, and is never accepted",
    );
  }
  const serializer = SERIALIZERS.find((known) => known.contentType === contentType);
  if (serializer === undefined) {
    throw new UnreadableMessageError(`its content type is ${shown(contentType)}, for which there is no serializer`);
  }
  if (!accept.includes(serializer.name) && !accept.includes(contentType)) {
    throw new UnreadableMessageError(
      `its content type is ${shown(contentType)}, and only ${accept.join(", ") || "nothing"} is accepted`,
    );
  }
  return serializer;
}

/** From Node's pool of buffers: a small text costs a quarter of what TextEncoder takes. */
export function utf8Bytes(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** Throws UnreadableMessageError for bytes that are not UTF-8. */
function utf8Text(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new UnreadableMessageError("its body is not UTF-8");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

function shown(contentType: string): string {
  return JSON.stringify(contentType.slice(0, 80));
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../src/message/message.ts";

const GOLDEN = join(import.meta.dirname, "../interop/golden");

/** Names of the messages that `scripts/capture-golden-messages.py` took from real Celery. */
export const goldenNames: readonly string[] = readdirSync(GOLDEN)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length));

interface GoldenFile {
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly headers: Record<string, unknown>;
  readonly properties: {
    readonly correlation_id: string;
    readonly reply_to: string;
    readonly priority: number;
    readonly delivery_mode: 1 | 2;
    readonly expiration?: string;
  };
  /** In base64. */
  readonly body: string;
}

export function goldenMessage(name: string): Message {
  const { body, contentType, contentEncoding, headers, properties } = JSON.parse(
    readFileSync(join(GOLDEN, `${name}.json`), "utf8"),
  ) as GoldenFile;
  return {
    body: new Uint8Array(Buffer.from(body, "base64")),
    contentType,
    contentEncoding,
    headers,
    properties: {
      correlationId: properties.correlation_id,
      replyTo: properties.reply_to,
      priority: properties.priority,
      deliveryMode: properties.delivery_mode,
      ...(properties.expiration === undefined ? {} : { expirationMs: Number(properties.expiration) }),
    },
  };
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Message } from "../../src/message/message.ts";
import { NEWEST_CELERY, pythonOf } from "../support/python.ts";

/** The path of a Python with the newest Celery; empty where there is none to be had. */
export const PYTHON: string = pythonOf(NEWEST_CELERY);

/** What `python/read_messages.py` tells of one message. */
export interface SeenByCelery {
  /** `now` and `at eta` when a worker would run it; otherwise why not. */
  readonly verdict: string;
  readonly pythonArgs: string;
  readonly pythonKwargs: string;
  /** `[args, kwargs, embed]` as Kombu encodes what it decoded. */
  readonly json: string;
  readonly [field: string]: unknown;
}

/** Shows all messages to a Celery worker's own code, in one Python process. */
export async function celeryReads(messages: readonly Message[]): Promise<readonly SeenByCelery[]> {
  const python = spawn(PYTHON, [join(import.meta.dirname, "python/read_messages.py")]);
  python.stdin.end(messages.map((message) => `${JSON.stringify(onTheWire(message))}\n`).join(""));
  const [output, errors] = await Promise.all([text(python.stdout), text(python.stderr), once(python, "close")]);
  const answers = output.split("\n").filter((line) => line !== "");
  if (answers.length !== messages.length)
    throw new Error(`Python answered ${answers.length} of ${messages.length}: ${errors}`);
  return answers.map((line) => JSON.parse(line) as SeenByCelery);
}

function onTheWire({ body, contentType, contentEncoding, headers, properties }: Message): unknown {
  return {
    body: Buffer.from(body).toString("base64"),
    contentType,
    contentEncoding,
    headers,
    properties: {
      correlation_id: properties.correlationId,
      reply_to: properties.replyTo,
      priority: properties.priority,
      delivery_mode: properties.deliveryMode,
      expiration: properties.expirationMs?.toString(),
    },
  };
}

import type { DeadLetter } from "../../../broker/broker.ts";
import { UnreadableMessageError } from "../../../message/errors.ts";
import { decodeTask } from "../../../message/decode-task.ts";
import type { TaskRequest } from "../../../message/task-request.ts";

/** What a list tells of a dead letter. */
export interface LetterSummary {
  readonly id: string;
  readonly queue: string;
  /** Null where the message does not tell. */
  readonly task: string | null;
  readonly taskId: string | null;
  readonly reason: { readonly code: string; readonly detail: string };
  readonly deliveries: number;
  readonly diedAt: string;
}

export function summaryOf({ id, queue, message, reason, deliveries, diedAt }: DeadLetter): LetterSummary {
  const { task } = message.headers;
  return {
    id,
    queue,
    task: typeof task === "string" ? task : null,
    taskId: message.properties.correlationId ?? null,
    reason: { code: reason.code, detail: reason.detail },
    deliveries,
    diedAt: diedAt.toISOString(),
  };
}

/** The call in a dead letter, or why it cannot be read. */
export function callIn({ message }: DeadLetter, accept: readonly string[]): TaskRequest | UnreadableMessageError {
  try {
    return decodeTask(message, { accept });
  } catch (error) {
    if (error instanceof UnreadableMessageError) return error;
    throw error;
  }
}

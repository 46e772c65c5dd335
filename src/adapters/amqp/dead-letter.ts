import { createHash, randomUUID } from "node:crypto";
import type { ConsumeMessage } from "amqplib";
import type { DeadLetter, DeadLetterSelection, DeliveryNote } from "../../broker/broker.ts";
import { withNote } from "../../broker/queued/history.ts";
import { nextFence } from "../../broker/queued/next-fence.ts";
import { copyOf, deathOf, fromAmqp, marksOf, type Death, type Outgoing } from "./amqp-message.ts";

/** A dead letter as it is held while it is looked at. */
export interface HeldLetter {
  readonly raw: ConsumeMessage;
  readonly letter: DeadLetter;
}

let lastDeath = 0;

/** Names a dead letter: of two that die in this process the later is the greater. */
export function deathId(now: number): string {
  lastDeath = nextFence(lastDeath, now);
  return idAt(lastDeath, randomUUID().replaceAll("-", ""));
}

/** `at` is in microseconds since the epoch. */
function idAt(at: number, unique: string): string {
  return `${at.toString(16).padStart(14, "0")}-${unique.slice(0, 12)}`;
}

/** As new, with its death as the last note. */
export function replayed({ raw, letter }: HeldLetter, queue: string = letter.queue): Outgoing {
  const history = withNote(letter.history, letter.reason, letter.diedAt.getTime());
  return { exchange: "", routingKey: queue, ...copyOf(raw, { deliveries: 0, history }) };
}

export function isSelected(letter: DeadLetter, selection: DeadLetterSelection): boolean {
  if ("ids" in selection) return selection.ids.includes(letter.id);
  const { queue = letter.queue, code = letter.reason.code } = selection;
  return letter.queue === queue && letter.reason.code === code;
}

export function letterOf(raw: ConsumeMessage): DeadLetter {
  const death = deathOf(raw) ?? deathByServer(raw);
  const { deliveries, history } = { ...marksOf(raw), ...death };
  const { id, queue, reason, at } = death;
  return {
    id,
    queue,
    message: fromAmqp(raw),
    reason,
    deliveries,
    history: history satisfies readonly DeliveryNote[],
    diedAt: new Date(at),
  };
}

/** What RabbitMQ itself dead-letters tells so in its x-death header, the latest death first. */
function deathByServer(raw: ConsumeMessage): Death {
  const [last] = raw.properties.headers?.["x-death"] ?? [];
  const at = (last?.time.value ?? 0) * 1_000;
  const { correlationId, messageId } = raw.properties as { correlationId?: string; messageId?: string };
  const identity = JSON.stringify([last?.queue, at, correlationId, messageId]);
  const hash = createHash("sha1").update(identity).update(raw.content).digest("hex");
  return {
    id: idAt(at * 1_000, hash),
    queue: last?.queue ?? "",
    reason: REASONS[last?.reason ?? ""] ?? {
      code: "dead-lettered",
      detail: `By RabbitMQ: ${last?.reason ?? "no reason told"}.`,
    },
    deliveries: last?.count ?? 0,
    at,
  };
}

const REASONS: Readonly<Record<string, DeadLetter["reason"]>> = {
  rejected: { code: "rejected", detail: "A consumer rejected it, and RabbitMQ dead-lettered it." },
  expired: { code: "expired", detail: "Its time to live in RabbitMQ was over." },
  maxlen: { code: "queue-full", detail: "Its queue had reached its greatest length." },
  delivery_limit: {
    code: "delivery-limit",
    detail: "It was returned more often than its quorum queue's delivery limit allows.",
  },
};

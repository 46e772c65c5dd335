import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterQuery,
  DeadLetterReason,
  DeadLetterSelection,
} from "../../broker/broker.ts";
import type { Entry } from "./memory-queue.ts";

const DEFAULT_LIMIT = 100;

/** A dead letter with all that its message was. */
export interface DeadEntry {
  readonly id: string;
  readonly entry: Entry;
  readonly queue: string;
  readonly reason: DeadLetterReason;
  readonly diedAt: number;
}

/** Dead letters in the order of dying, by ids that are never used again. */
export class MemoryDeadLetters {
  readonly #letters = new Map<string, DeadEntry>();
  #lastId = 0;

  add(entry: Entry, reason: DeadLetterReason, diedAt: number): void {
    const id = String(++this.#lastId);
    this.#letters.set(id, { id, entry, queue: entry.queue.name, reason, diedAt });
  }

  list({ limit = DEFAULT_LIMIT, after = "0", ...filter }: DeadLetterQuery): readonly DeadLetter[] {
    return this.select(filter)
      .filter(({ id }) => Number(id) > Number(after))
      .slice(0, limit)
      .map(deadLetterOf);
  }

  select(selection: DeadLetterSelection): readonly DeadEntry[] {
    if ("ids" in selection) return [...new Set(selection.ids)].flatMap((id) => this.#letters.get(id) ?? []);
    return [...this.#letters.values()].filter((letter) => isIn(letter, selection));
  }

  delete(letters: readonly DeadEntry[]): void {
    for (const { id } of letters) this.#letters.delete(id);
  }
}

function isIn(letter: DeadEntry, { queue, code }: DeadLetterFilter): boolean {
  return (queue ?? letter.queue) === letter.queue && (code ?? letter.reason.code) === letter.reason.code;
}

function deadLetterOf({ id, entry, queue, reason, diedAt }: DeadEntry): DeadLetter {
  const { message, deliveries, history } = entry;
  return { id, queue, message, reason, deliveries, history, diedAt: new Date(diedAt) };
}

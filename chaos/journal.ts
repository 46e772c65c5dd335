import { openSync, readFileSync, writeSync } from "node:fs";

/** What happened to one call, written where nothing of Celeriac has a hand. `at` is in milliseconds since the epoch. */
export type Entry = { readonly id: string; readonly at: number } & (
  | { readonly what: "sending"; readonly dueAt: number }
  | { readonly what: "sent" | "refused" }
  | (Run & { readonly what: "begun" | "ended" | "retried" })
  | (Run & { readonly what: "crashed"; readonly takes: "run" | "process" })
);

/** One run of a call's body. In a pool's child process, `pid` is that one's and `parent` the worker's. */
export interface Run {
  readonly retries: number;
  /** How often the message had been handed out by then. */
  readonly deliveries: number;
  readonly pid: number;
  readonly parent: number;
  /** Of one of Celery's own workers. @default one of ours */
  readonly runtime?: "python";
}

/**
 * One file that any number of processes append to. A writer that is killed may leave the beginning of a line, where that crosses into another page of memory:
 * so each begins a line of its own, and what is torn counts as not written, as nothing that should follow it was done.
 */
export class Journal {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(entry: Entry): void {
    writeSync(this.#file, `\n${JSON.stringify(entry)}\n`);
  }
}

export function readJournal(path: string): readonly Entry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line) as Entry);
}

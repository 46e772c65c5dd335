import type { LogFields, Logger } from "../../util/logger.ts";

/**
 * How a delivery ended for its worker. `DEAD-LETTERED`: kept with its reason. `PARKED`: the app has no such task. `LOST`: not settled, it
 * comes again.
 */
export type RunState =
  "SUCCESS" | "FAILURE" | "RETRY" | "IGNORED" | "REVOKED" | "REJECTED" | "DEAD-LETTERED" | "PARKED" | "LOST";

/** One delivery's life in a worker. */
export interface Run {
  readonly id: string;
  readonly task: string;
  readonly state: RunState;
  /** The result, shortened, or the error, or the reason; empty where there is none. */
  readonly detail: string;
  /** Where a failure came from; null where there is none. */
  readonly traceback: string | null;
}

/** What a worker logs of a task that it has got. */
const RECEIVED = "task received";

/** What it logs of a message that could not be read, and so was never received as a task. */
const UNREADABLE = "message dead-lettered";

/** What it logs of the end of each delivery, and what that means; null for one that was no run. See `worker/execution.ts`. */
export const LAST_WORDS: ReadonlyMap<string, RunState | null> = new Map([
  ["task succeeded", "SUCCESS"],
  ["task failed", "FAILURE"],
  ["task retried", "RETRY"],
  ["task ignored", "IGNORED"],
  ["task revoked", "REVOKED"],
  ["task expired", "REVOKED"],
  ["task terminated", "REVOKED"],
  ["task discarded", "REVOKED"],
  ["task rejected, requeued", "REJECTED"],
  ["task dead-lettered", "DEAD-LETTERED"],
  ["task cannot be dead-lettered, its message is gone already", "REJECTED"],
  [UNREADABLE, "DEAD-LETTERED"],
  ["unknown task, its messages are parked until a worker has it", "PARKED"],
  ["message of an unknown task parked", "PARKED"],
  ["lease lost, the task runs again elsewhere", "LOST"],
  ["task not finished, handed back", "LOST"],
  ["task lost, requeued", "LOST"],
  ["task could not be settled, handed back", "LOST"],
  ["delivery could not be settled, its lease will run out", "LOST"],
  ["task not due yet, deferred", null],
  ["concurrency key taken, deferred", null],
]);

/** Reads in a worker's log what became of each delivery, and passes the log on. */
export class RunLedger implements Logger {
  readonly #log: Logger;
  readonly #runs: Run[] = [];
  /** Id → task of what is being run. */
  readonly #running = new Map<unknown, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** In the order in which they ended. */
  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** `task[id]` of each delivery that has not ended. */
  get running(): readonly string[] {
    return [...this.#running].map(([id, task]) => `${task}[${String(id)}]`);
  }

  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, fields);
    this.#read(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log.info(message, fields);
    this.#read(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log.warn(message, fields);
    this.#read(message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log.error(message, fields);
    this.#read(message, fields);
  }

  /** Of several last words the first counts: a failure is told before its message is dead-lettered or lost. */
  #read(message: string, fields: LogFields = {}): void {
    const { id } = fields;
    if (message === RECEIVED) this.#running.set(id, String(fields["task"]));
    const state = LAST_WORDS.get(message);
    if (state === undefined) return;
    const task = this.#running.get(id) ?? "(unreadable)";
    if (!this.#running.delete(id) && message !== UNREADABLE) return;
    if (state !== null) this.#runs.push({ id: String(id), task, state, ...accountOf(fields) });
  }
}

function accountOf({ result, error, detail, traceback }: LogFields): Pick<Run, "detail" | "traceback"> {
  const said = [detail, error, result].find((text) => typeof text === "string");
  return { detail: said ?? "", traceback: typeof traceback === "string" ? traceback : null };
}

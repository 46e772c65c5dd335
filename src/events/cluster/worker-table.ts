import type { EventFields } from "./task-record.ts";
import { WorkerRecord, type WorkerInfo } from "./worker-record.ts";

/** A node name that is longer, in characters, is nobody's. */
const MAX_HOSTNAME = 1_000;

/** Workers that events told of, no more than a number of them: who has told nothing of itself for the longest goes first. */
export class WorkerTable {
  readonly #max: number;
  /** Who told of itself last comes last. */
  readonly #records = new Map<string, WorkerRecord>();

  constructor(max: number) {
    this.#max = max;
  }

  get(hostname: string, now: number): WorkerInfo | undefined {
    return this.#records.get(hostname)?.info(now);
  }

  /** By name. */
  list(now: number): readonly WorkerInfo[] {
    const workers = [...this.#records.values()].map((record) => record.info(now));
    return workers.sort((one, other) => (one.hostname < other.hostname ? -1 : 1));
  }

  hearOfTask(event: EventFields): void {
    this.#recordOf(event.hostname)?.hearOfTask(event);
  }

  /** `kind` is the event's type without `worker-`. */
  hear(kind: string, event: EventFields): void {
    const { hostname } = event;
    const record = this.#recordOf(hostname);
    if (record === undefined) return;
    record.hear(kind, event);
    this.#records.delete(hostname);
    this.#records.set(hostname, record);
  }

  #recordOf(hostname: string): WorkerRecord | undefined {
    const known = this.#records.get(hostname);
    if (known !== undefined || hostname.length > MAX_HOSTNAME) return known;
    const record = new WorkerRecord(hostname);
    this.#records.set(hostname, record);
    const [longestSilent] = this.#records.keys();
    if (this.#records.size > this.#max && longestSilent !== undefined) this.#records.delete(longestSilent);
    return record;
  }
}

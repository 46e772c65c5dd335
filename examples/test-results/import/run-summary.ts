import type { Outcome, ReportEvent, ResultEvent } from "../junit/index.ts";
import type { RunCounts } from "../database/runs.ts";

/** Highest value of a 32-bit column. */
const MOST_MS = 2 ** 31 - 1;

/** What a report comes to, gathered while it is read. */
export class RunSummary {
  readonly #outcomes: Record<Outcome, number> = { passed: 0, failed: 0, error: 0, skipped: 0 };
  #name = "";
  #startedAt: Date | null = null;
  #durationMs = 0;

  add(event: ReportEvent): void {
    if (event.kind === "result") this.#addResult(event);
    else this.#addSuite(event.name, event.startedAt);
  }

  /** That of the outermost suite that has one. */
  get name(): string {
    return this.#name;
  }

  /** When the first suite began. */
  get startedAt(): Date | null {
    return this.#startedAt;
  }

  get durationMs(): number {
    return Math.min(this.#durationMs, MOST_MS);
  }

  get counts(): RunCounts {
    const { passed, failed, error, skipped } = this.#outcomes;
    return { tests: passed + failed + error + skipped, failures: failed, errors: error, skipped };
  }

  #addSuite(name: string, startedAt: Date | null): void {
    if (this.#name === "") this.#name = name;
    if (startedAt !== null && (this.#startedAt === null || startedAt < this.#startedAt)) this.#startedAt = startedAt;
  }

  #addResult({ outcome, durationMs }: ResultEvent): void {
    this.#outcomes[outcome] += 1;
    this.#durationMs += durationMs;
  }
}

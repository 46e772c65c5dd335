/** What a report says, in the order in which it says it. */
export type ReportEvent = SuiteEvent | ResultEvent;

export interface SuiteEvent {
  readonly kind: "suite";
  /** Empty when the report gives none. */
  readonly name: string;
  readonly startedAt: Date | null;
}

export interface ResultEvent {
  readonly kind: "result";
  /** Name of the innermost suite. */
  readonly suite: string;
  readonly className: string;
  readonly name: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** One line about a failure, an error or a skip. */
  readonly message: string | null;
  /** The traceback or diff below it. */
  readonly details: string | null;
}

export type Outcome = "passed" | "failed" | "error" | "skipped";

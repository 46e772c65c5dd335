import { cut, KEPT } from "./limits.ts";
import type { Outcome, ResultEvent } from "./report-event.ts";
import { readSeconds } from "./values.ts";

export type Verdict = Exclude<Outcome, "passed">;

/** From harmless to grave: a case with several verdicts ends as the gravest, as when a test fails and so does its teardown. */
const GRAVITY: readonly Outcome[] = ["passed", "skipped", "failed", "error"];

/** A `testcase` element whose end has not come yet. */
export class OpenCase {
  readonly #suite: string;
  readonly #attributes: Readonly<Record<string, string>>;
  #outcome: Outcome = "passed";
  #message: string | null = null;
  #details = "";

  constructor(suite: string, attributes: Readonly<Record<string, string>>) {
    this.#suite = suite;
    this.#attributes = attributes;
  }

  /** A `failure`, `error` or `skipped` element begins; what `addDetails` brings until it ends is its text. */
  judge(verdict: Verdict, attributes: Readonly<Record<string, string>>): void {
    if (GRAVITY.indexOf(verdict) > GRAVITY.indexOf(this.#outcome)) this.#outcome = verdict;
    this.#message ??= attributes["message"] ?? attributes["type"] ?? null;
  }

  addDetails(text: string): void {
    if (this.#details.length < KEPT.details) this.#details += text;
  }

  finish(): ResultEvent {
    const { name = "", classname = "", time } = this.#attributes;
    const details = this.#details.trim();
    return {
      kind: "result",
      suite: this.#suite,
      className: cut(classname, KEPT.name),
      name: cut(name, KEPT.name),
      outcome: this.#outcome,
      durationMs: readSeconds(time),
      message: this.#message === null ? null : cut(this.#message, KEPT.message),
      details: details === "" ? null : cut(details, KEPT.details),
    };
  }
}

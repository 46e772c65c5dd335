import { CeleriacError } from "../util/errors.ts";

/** The result backend cannot be reached, or there is none. */
export class ResultBackendUnavailableError extends CeleriacError {
  readonly code = "CELERIAC_RESULT_BACKEND_UNAVAILABLE";
  /** The backend's URL, without its secrets. */
  readonly url: string;
  /** As `BrokerUnavailableError.mayComeBack`. */
  readonly mayComeBack: boolean;
  constructor(url: string, detail: string, options: { readonly cause?: unknown; readonly mayComeBack?: boolean } = {}) {
    super(`The result backend ${url} is not available: ${detail}`, options);
    this.url = url;
    this.mayComeBack = options.mayComeBack ?? false;
  }
}

/** What was asked for needs a backend that keeps results, and this one only sends them. */
export class ResultBackendUnsupportedError extends CeleriacError {
  readonly code = "CELERIAC_RESULT_BACKEND_UNSUPPORTED";
  /** The backend's URL, without its secrets. */
  readonly url: string;
  constructor(url: string, detail: string) {
    super(`The result backend ${url} cannot do this: ${detail}`);
    this.url = url;
  }
}

/** What is stored is no result document of Celery's or ours. */
export class UnreadableResultError extends CeleriacError {
  readonly code = "CELERIAC_UNREADABLE_RESULT";
  /** What is wrong, in a few words that fit a log line. */
  readonly reason: string;
  constructor(reason: string, options: { readonly cause?: unknown } = {}) {
    super(`The stored result cannot be read: ${reason}.`, options);
    this.reason = reason;
  }
}

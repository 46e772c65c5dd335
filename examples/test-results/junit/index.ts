export { InvalidReportError, NotAReportError } from "./invalid-report-error.ts";
export { REPORT_LIMITS, type ReportLimits } from "./limits.ts";
export { parseJUnit } from "./parse-junit.ts";
export type { Outcome, ReportEvent, ResultEvent } from "./report-event.ts";

import { InvalidReportError } from "./invalid-report-error.ts";
import { JUnitReader } from "./junit-reader.ts";
import { REPORT_LIMITS, type ReportLimits } from "./limits.ts";
import type { ReportEvent } from "./report-event.ts";

/**
 * Reads a JUnit XML report as it arrives: one array of events for each chunk that completed any. Memory does not grow
 * with the report. Rejects with InvalidReportError at the first thing that is not right, possibly after some events.
 */
export async function* parseJUnit(
  bytes: AsyncIterable<Uint8Array>,
  limits: ReportLimits = REPORT_LIMITS,
): AsyncGenerator<readonly ReportEvent[]> {
  const reader = new JUnitReader(limits);
  for await (const text of decodeUtf8(bytes)) {
    const events = reader.read(text);
    if (events.length > 0) yield events;
  }
  reader.end();
}

async function* decodeUtf8(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new InvalidReportError("The report is not valid UTF-8.", { cause: error });
    throw error;
  }
}

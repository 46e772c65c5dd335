import type { LogFields, Logger } from "../../src/util/logger.ts";

export interface RecordedLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger whose lines a test can look at. */
export function recordingLogger(): { readonly log: Logger; readonly lines: readonly RecordedLine[] } {
  const lines: RecordedLine[] = [];
  const record =
    (level: keyof Logger) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields });
    };
  return { log: { debug: record("debug"), info: record("info"), warn: record("warn"), error: record("error") }, lines };
}

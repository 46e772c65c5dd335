import { pino } from "pino";
import { PinoPretty } from "pino-pretty";
import type { LogLevel } from "../app/config.ts";
import type { LogFields, Logger } from "../util/logger.ts";
import { maskSecrets } from "../util/mask-url.ts";

export interface LogOptions {
  readonly level: LogLevel;
  /** Lines for people in place of JSON. */
  readonly pretty: boolean;
  readonly colour: boolean;
  /** A file descriptor. */
  readonly destination: number;
}

/** A logger whose level may be changed. */
export interface LeveledLogger extends Logger {
  level: LogLevel;
}

/**
 * Logs through pino: JSON lines `{"level","time","msg",…fields}`, or lines for people. What is logged has no secrets left, and
 * is written before the call returns: a process that dies has told what it did.
 */
export function makeLogger({ level, pretty, colour, destination }: LogOptions): LeveledLogger {
  const sink = pretty ? prettySink(destination, colour) : pino.destination({ dest: destination, sync: true });
  sink.on("error", () => undefined); // whoever read the log is gone: nobody is left to be told
  const timestamp = pino.stdTimeFunctions.isoTime;
  const formatters = { level: (label: string) => ({ level: label }) };
  const log = pino({ level, base: null, timestamp, formatters }, sink);
  return {
    debug: (message, fields) => log.debug(masked(fields), message),
    info: (message, fields) => log.info(masked(fields), message),
    warn: (message, fields) => log.warn(masked(fields), message),
    error: (message, fields) => log.error(masked(fields), message),
    get level() {
      return log.level as LogLevel;
    },
    set level(next) {
      log.level = next;
    },
  };
}

/** `18:04:05.123 INFO: task succeeded quickstart.add[0b1c…] seconds=0.002 result=3` */
function prettySink(destination: number, colour: boolean): ReturnType<typeof PinoPretty> {
  return PinoPretty({
    destination,
    sync: true,
    colorize: colour,
    translateTime: "SYS:HH:MM:ss.l",
    hideObject: true,
    messageFormat: (line) => lineOf(line),
  });
}

/** A line's message with its fields; what has lines of its own follows below. */
export function lineOf({ msg, level: _level, time: _time, ...fields }: LogFields): string {
  const { task, id, ...others } = fields;
  const isOfTask = typeof task === "string" && typeof id === "string";
  const subject = isOfTask ? ` ${task}[${id}]` : "";
  const shown = Object.entries(isOfTask ? others : fields).filter(([, value]) => value !== undefined && value !== null);
  const [blocks, inline] = [shown.filter(isBlock), shown.filter((field) => !isBlock(field))];
  const tail = inline.map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [`${String(msg)}${subject}${tail.join("")}`, ...blocks.map(([, value]) => String(value))].join("\n");
}

function isBlock([, value]: readonly [string, unknown]): boolean {
  return typeof value === "string" && value.includes("\n");
}

/** Deeper values are not logged. */
const MAX_DEPTH = 6;

function masked(fields: LogFields | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields ?? {}).map(([name, value]) => [name, withoutSecrets(value, 1)]));
}

function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value === "string") return maskSecrets(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof Error) return maskSecrets(value.stack ?? value.message);
  if (typeof value !== "object" || value === null || "toJSON" in value) return value;
  if (depth > MAX_DEPTH) return "…";
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutSecrets(item, depth + 1)]));
}

import { decodeJson } from "../message/json.ts";
import { instantFrom } from "../message/python-values.ts";
import { parseDuration } from "../util/duration.ts";
import { toError } from "../util/errors.ts";
import { UsageError } from "./errors.ts";

/** A JSON array, in Kombu's JSON: dates and the like may be given as their envelopes. Throws UsageError. */
export function jsonArray(flag: string, text: string): readonly unknown[] {
  const value = json(flag, text);
  if (Array.isArray(value)) return value;
  throw new UsageError(`${flag} must be a JSON array, such as '[1, "two"]'; got ${cut(text)}.`);
}

/** A JSON object. Throws UsageError. */
export function jsonObject(flag: string, text: string): Readonly<Record<string, unknown>> {
  const value = json(flag, text);
  if (isRecord(value)) return value;
  throw new UsageError(`${flag} must be a JSON object, such as '{"x": 1}'; got ${cut(text)}.`);
}

/** Milliseconds of a number of seconds, or of text with a unit. Throws UsageError. */
export function durationMs(flag: string, text: string): number {
  const ms = isNumber(text) ? Number(text) * 1000 : parseDuration(text);
  if (ms !== undefined && ms >= 0) return ms;
  throw new UsageError(
    `${flag} must be a number of seconds, or text with a unit such as "10s" or "2h"; got ${cut(text)}.`,
  );
}

/** A moment in ISO 8601, in UTC unless it says otherwise. Throws UsageError. */
export function moment(flag: string, text: string): Date {
  try {
    return instantFrom(text);
  } catch (cause) {
    throw new UsageError(`${flag} must be a time in ISO 8601, such as 2031-12-24T18:00:00Z; got ${cut(text)}.`, {
      cause,
    });
  }
}

/** A moment, or milliseconds from now. Throws UsageError. */
export function momentOrDuration(flag: string, text: string): Date | number {
  return isNumber(text) || parseDuration(text) !== undefined ? durationMs(flag, text) : moment(flag, text);
}

export function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`${flag} must be a whole number; got ${cut(text)}.`);
}

/** From 0. */
export function positiveNumber(flag: string, text: string): number {
  const number = Number(text);
  if (isNumber(text) && number >= 0) return number;
  throw new UsageError(`${flag} must be a number from 0; got ${cut(text)}.`);
}

/** `10,2` or `10`; in Celery, whichever is greater is the most. Throws UsageError. */
export function autoscaleRange(flag: string, text: string): { readonly max: number; readonly min: number } {
  const [first = "", second = "1", ...more] = text.split(",").map((part) => part.trim());
  const isNone = (part: string): boolean => !/^\d{1,5}$/.test(part);
  if (isNone(first) || isNone(second) || more.length > 0 || Number(first) + Number(second) === 0)
    throw new UsageError(`${flag} must be MAX,MIN, two whole numbers such as 10,2, or MAX alone; got ${cut(text)}.`);
  const range = [Number(first), Number(second)] as const;
  return { max: Math.max(...range), min: Math.min(...range) };
}

/** A TCP port; 0 is any. Throws UsageError. */
export function portNumber(flag: string, text: string): number {
  const port = wholeNumber(flag, text);
  if (port <= 65_535) return port;
  throw new UsageError(`${flag} must be a port from 0 to 65535; got ${cut(text)}.`);
}

/** Names between commas. Throws UsageError when there is none. */
export function nameList(flag: string, text: string): readonly string[] {
  const names = text.split(",").flatMap((name) => name.trim() || []);
  if (names.length > 0) return [...new Set(names)];
  throw new UsageError(`${flag} must be names between commas; got ${cut(text)}.`);
}

function json(flag: string, text: string): unknown {
  try {
    return decodeJson(text);
  } catch (cause) {
    throw new UsageError(`${flag} is no JSON: ${cut(text)} (${reasonOf(cause)}).`, { cause });
  }
}

function reasonOf(error: unknown): string {
  return isRecord(error) && typeof error["reason"] === "string" ? error["reason"] : toError(error).message;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

function cut(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

import { pythonRepr } from "../../message/python-repr.ts";

/** The longest text that is kept, in characters. */
const MAX_TEXT = 10_000;

/** Seconds after which a process of the same pid is another, which counts anew, where its clock has gone back: in containers all have one pid. */
export const COUNTED_ANEW = 1;

/** A field of an event as text that takes little memory; undefined where it says nothing. */
export function textIn(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return shortened(typeof value === "string" ? value : pythonRepr(value));
}

/** A part of a text is kept as a copy: else all of it would be. */
export function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : Buffer.from(text.slice(0, MAX_TEXT)).toString();
}

/** A field of an event as a number; undefined where it is none. */
export function numberIn(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

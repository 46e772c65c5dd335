import { parseDuration } from "../util/duration.ts";
import { suggest } from "../util/suggest.ts";

/** What values a setting takes. */
export interface SettingKind<T> {
  /** For errors: "expected a whole number". */
  readonly expected: string;
  /** The value as it takes effect. Throws BadValue, or any other error that says what is wrong. */
  read(value: unknown): T;
  /** Text of a variable or a flag as a value for `read`. */
  readonly fromText: (text: string) => unknown;
}

/** A value of the wrong kind; `detail` says what the kind alone does not. */
class BadValue extends Error {}

export const text: SettingKind<string> = {
  expected: "text",
  read: (value) => (typeof value === "string" && value !== "" ? value : refuse()),
  fromText: (value) => value,
};

export const flag: SettingKind<boolean> = {
  expected: "true or false",
  read: (value) => (typeof value === "boolean" ? value : refuse()),
  fromText: (value) => BOOLEANS.get(value.toLowerCase()) ?? value,
};

/** Celery: `celery/utils/serialization.py:strtobool`. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "on", "1"].map((word) => [word, true] as const),
  ...["false", "no", "off", "0"].map((word) => [word, false] as const),
]);

export function wholeNumber(least: number): SettingKind<number> {
  return {
    expected: `a whole number of at least ${least}`,
    read: (value) => (Number.isSafeInteger(value) && (value as number) >= least ? (value as number) : refuse()),
    fromText: numberFromText,
  };
}

/** In seconds, of 0 or more; text has a unit. */
export const seconds: SettingKind<number> = duration(1000, "seconds");

/** In milliseconds, of 0 or more; text has a unit. */
export const milliseconds: SettingKind<number> = duration(1, "milliseconds");

function duration(unitMs: number, unit: string): SettingKind<number> {
  return {
    expected: `a number of ${unit}, or text with a unit such as "10s"`,
    read(value) {
      const number = typeof value === "string" ? (parseDuration(value) ?? refuse()) / unitMs : value;
      return typeof number === "number" && number >= 0 && Number.isFinite(number) ? number : refuse();
    },
    fromText: numberFromText,
  };
}

/** In KiB, as Celery has it; text has a unit. */
export const kibibytes: SettingKind<number> = {
  expected: 'a number of KiB, or text with a unit such as "200MB"',
  read(value) {
    const number = typeof value === "string" ? kibibytesOf(value) : value;
    return typeof number === "number" && number >= 0 && Number.isFinite(number) ? number : refuse();
  },
  fromText: numberFromText,
};

const KIB: Readonly<Record<string, number>> = { K: 1, M: 1024, G: 1024 ** 2 };

function kibibytesOf(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMG])i?B?$/i.exec(text) ?? refuse();
  return Number(number) * (KIB[unit.toUpperCase()] ?? refuse());
}

/** Greater than 0; `reason` says why it must be. Null, Celery's None, is refused for the same reason. */
export function positive(kind: SettingKind<number>, reason: string): SettingKind<number> {
  return {
    expected: `${kind.expected}, greater than 0`,
    read(value) {
      const number = value === null ? 0 : kind.read(value);
      return number > 0 ? number : refuse(reason);
    },
    fromText: kind.fromText,
  };
}

export function oneOf<const T extends string>(
  names: readonly T[],
  synonyms: Readonly<Record<string, T>> = {},
): SettingKind<T> {
  return {
    expected: `one of ${names.map((name) => JSON.stringify(name)).join(", ")}`,
    read(value) {
      if (typeof value !== "string") return refuse();
      const name = value.toLowerCase();
      return (
        names.find((known) => known === name) ??
        (Object.hasOwn(synonyms, name) ? synonyms[name] : undefined) ??
        refuse()
      );
    },
    fromText: (value) => value,
  };
}

/** Names in a list; in text as JSON or with commas. */
export function listOf<T>(item: SettingKind<T>): SettingKind<readonly T[]> {
  return {
    expected: `a list, each ${item.expected}`,
    read: (value) => (Array.isArray(value) ? value.map((entry) => item.read(entry)) : refuse()),
    fromText: listFromText,
  };
}

/** `null` and `none` stand for `absent`. */
export function orNone<T, N>(kind: SettingKind<T>, absent: N): SettingKind<T | N> {
  return {
    expected: `${kind.expected}, or null`,
    read: (value) => (value === null ? absent : kind.read(value)),
    fromText: (value) => (/^(?:null|none)$/i.test(value) ? null : kind.fromText(value)),
  };
}

/** Anything else; in text as JSON. */
export function structure<T>(expected: string, read: (value: unknown) => T): SettingKind<T> {
  return { expected, read, fromText: jsonFromText };
}

/** The properties of an object by their names here; `routing_key` is `routingKey`. Throws BadValue for others. */
export function properties<const K extends string>(
  value: unknown,
  known: readonly K[],
): Readonly<Partial<Record<K, unknown>>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse();
  const found: Partial<Record<K, unknown>> = {};
  for (const [given, property] of Object.entries(value as Readonly<Record<string, unknown>>)) {
    const name = given.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const key = known.find((candidate) => candidate === name) ?? refuse(`unknown key "${given}"${hint(given, known)}`);
    if (property !== undefined && property !== null) found[key] = property;
  }
  return found;
}

/** JSON, or names with commas between them. */
export function listFromText(value: string): unknown {
  if (/^\s*[[{]/.test(value)) return jsonFromText(value);
  const names = value.split(",").map((name) => name.trim());
  return names.filter((name) => name !== "");
}

/** `; did you mean "x"?`, or nothing. */
export function hint(name: string, candidates: Iterable<string>): string {
  const meant = suggest(name, candidates);
  return meant === undefined ? "" : `; did you mean "${meant}"?`;
}

export function refuse(detail = ""): never {
  throw new BadValue(detail);
}

function numberFromText(value: string): unknown {
  return value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

function jsonFromText(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return refuse("it is not JSON");
  }
}

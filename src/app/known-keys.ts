import { hint } from "./setting-kinds.ts";

/** The first key of `options` that is none of `known`, with what was probably meant; undefined when all are known. */
export function unknownKey(options: object, known: ReadonlySet<string>): string | undefined {
  const key = Object.keys(options).find((name) => !known.has(name));
  return key === undefined ? undefined : `"${key}"${hint(key, known)}`;
}

/** The names of all of T's properties; forgetting one, or inventing one, does not compile. */
export function keysOf<T extends object>(names: Readonly<Record<keyof T, true>>): ReadonlySet<string> {
  return new Set(Object.keys(names));
}

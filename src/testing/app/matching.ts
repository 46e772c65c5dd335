import { isDeepStrictEqual } from "node:util";

/** Whether a value is as expected: deeply equal, or what a matcher of the test runner stands for, such as `expect.any(String)`. */
export function matches(expected: unknown, actual: unknown): boolean {
  if (isMatcher(expected)) return expected.asymmetricMatch(actual);
  if (Array.isArray(expected)) return Array.isArray(actual) && matchesList(expected, actual);
  if (isPlain(expected)) return isPlain(actual) && matchesObject(expected, actual);
  return isDeepStrictEqual(actual, expected);
}

/** Vitest's and Jest's. */
interface Matcher {
  asymmetricMatch(actual: unknown): boolean;
}

function isMatcher(value: unknown): value is Matcher {
  return (
    typeof value === "object" &&
    value !== null &&
    "asymmetricMatch" in value &&
    typeof value.asymmetricMatch === "function"
  );
}

function matchesList(expected: readonly unknown[], actual: readonly unknown[]): boolean {
  return expected.length === actual.length && expected.every((item, index) => matches(item, actual[index]));
}

/** A property that is undefined is not sent, and so counts as none. */
function matchesObject(expected: PlainObject, actual: PlainObject): boolean {
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...keys].every((key) => matches(expected[key], actual[key]));
}

type PlainObject = Readonly<Record<string, unknown>>;

function isPlain(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

import { pythonRepr } from "../../message/python-repr.ts";

/** Python's `repr` of a set, which Celery's answers have: clients compare them word for word. */
export function reprSet(values: readonly unknown[]): string {
  return values.length === 0 ? "set()" : `{${values.map(pythonRepr).join(", ")}}`;
}

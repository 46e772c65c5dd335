import { strLiteral } from "../../message/python-literals.ts";

/** Python's `repr` of a set of texts, which Celery's answers have: clients compare them word for word. */
export function reprSet(texts: readonly string[]): string {
  return texts.length === 0 ? "set()" : `{${texts.map(strLiteral).join(", ")}}`;
}

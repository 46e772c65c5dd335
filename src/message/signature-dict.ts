import { FieldReader, isDict } from "./fields.ts";
import { UnreadableMessageError } from "./errors.ts";
import type { SignatureDict } from "./task-request.ts";

/**
 * A signature that came with a message. What it holds inside (the tasks of a chain, the body of a chord) is checked when that is used.
 * Fields that are not Celery's are kept. `where` names it in the reason. Throws UnreadableMessageError.
 *
 * Celery: `celery/canvas.py:Signature.from_dict`.
 */
export function signatureFromDict(value: unknown, where: string): SignatureDict {
  if (!isDict(value)) throw new UnreadableMessageError(`${where} is not a signature`);
  const field = new FieldReader(value, `${where} field`);
  return {
    ...value,
    task: field.text("task"),
    args: field.list("args"),
    kwargs: field.dict("kwargs"),
    options: field.dict("options"),
    subtask_type: field.textOrNull("subtask_type"),
    immutable: field.flag("immutable"),
  };
}

/** Celery writes null for none, and takes a single one for a list of one. */
export function signaturesFrom(value: unknown, where: string): readonly SignatureDict[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) return [signatureFromDict(value, where)];
  return value.map((item, index) => signatureFromDict(item, `${where}[${index}]`));
}

import { decodeJson, encodeJson } from "../message/json.ts";
import { UnreadableResultError } from "./errors.ts";

/** A task or a group as results know it, with what came before it in its chain. Celery: `celery/result.py:result_from_tuple`. */
export interface ResultNode {
  readonly id: string;
  readonly parent: ResultNode | null;
  /** A group's members in their order; null for a task. */
  readonly members: readonly ResultNode[] | null;
}

/** What groups consist of, kept for who asks for their results later or elsewhere. Every record expires as results do. */
export interface GroupRecords {
  /** Resolves once it survives a restart. Replaces an earlier record of the same id. */
  save(group: ResultNode): Promise<void>;
  /** Undefined for a group that was not saved, is forgotten or has expired. */
  restore(groupId: string): Promise<ResultNode | undefined>;
  forget(groupIds: readonly string[]): Promise<void>;
}

/** Celery's group record as JSON text. Source: `celery/backends/base.py:KeyValueStoreBackend._save_group`. */
export function encodeGroup(group: ResultNode): string {
  return encodeJson({ result: tupleOf(group) }, "group");
}

/** Throws UnreadableResultError for a text that is no group record. */
export function decodeGroup(text: string): ResultNode {
  let record: unknown;
  try {
    record = decodeJson(text);
  } catch (cause) {
    throw new UnreadableResultError("the group record is not JSON", { cause });
  }
  const result = typeof record === "object" && record !== null && "result" in record ? record.result : undefined;
  return nodeOf(result);
}

/** `[[id, parent], members]`. */
function tupleOf({ id, parent, members }: ResultNode): unknown {
  return [[id, parent === null ? null : tupleOf(parent)], members === null ? null : members.map(tupleOf)];
}

/** Celery takes a bare id for a task too. */
function nodeOf(tuple: unknown): ResultNode {
  if (typeof tuple === "string") return { id: tuple, parent: null, members: null };
  const [head, members] = pairOf(tuple);
  const [id, parent] = typeof head === "string" ? [head, null] : pairOf(head);
  if (typeof id !== "string") throw new UnreadableResultError(`a result tuple has no id: ${typeof id}`);
  return {
    id,
    parent: parent === null ? null : nodeOf(parent),
    members: Array.isArray(members) ? members.map(nodeOf) : null,
  };
}

function pairOf(value: unknown): readonly [unknown, unknown] {
  if (!Array.isArray(value)) throw new UnreadableResultError(`it is not a result tuple: ${typeof value}`);
  const [first, second = null] = value as readonly unknown[];
  return [first, second];
}

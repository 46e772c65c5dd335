import { decodeJson, encodeJson } from "../message/json.ts";
import { UnreadableResultError } from "./errors.ts";

/** A task or a group as results know it, with what came before it in its chain. Celery: `celery/result.py:result_from_tuple`. */
export interface ResultNode {
  readonly id: string;
  readonly parent: ResultNode | null;
  /** A group's members in their order; null for a task. */
  readonly members: readonly ResultNode[] | null;
}

/** What a task's result shows of the tasks that it sent. A chain of any length is as small as its end. */
export function childrenOf(nodes: readonly ResultNode[]): readonly unknown[] {
  return nodes.map(withoutParents).map(tupleOf);
}

/** Without what came before it and its members. */
export function withoutParents({ id, members }: ResultNode): ResultNode {
  return { id, parent: null, members: members?.map(withoutParents) ?? null };
}

/** The ids of the tasks that a result is made of. */
export function tasksOfResult({ id, members }: ResultNode): readonly string[] {
  return members === null ? [id] : members.flatMap(tasksOfResult);
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
  const group = nodeOf(result);
  if (group.members === null) throw new UnreadableResultError("the group record names no members");
  return group;
}

/** Celery's result tuple: `[[id, parent], members]`. Source: `celery/result.py:GroupResult.as_tuple`. */
export function tupleOf(node: ResultNode): unknown {
  let tuple: unknown = null;
  for (const { id, members } of lineOf(node)) tuple = [[id, tuple], members?.map(tupleOf) ?? null];
  return tuple;
}

/** A node and all that came before it in its chain, the first of them first. */
export function lineOf(node: ResultNode | null): readonly ResultNode[] {
  const line: ResultNode[] = [];
  for (let next = node; next !== null; next = next.parent) line.push(next);
  return line.reverse();
}

/** Reads a result tuple; Celery takes a bare id for a task too. Throws UnreadableResultError. */
export function nodeOf(tuple: unknown): ResultNode {
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

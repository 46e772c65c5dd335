import type { Failure } from "../../backend/failure.ts";
import { decodeJson, EncodedJson, encodeJson } from "../../message/json.ts";
import type { ResultNode } from "../../backend/groups.ts";
import type { PoolOutcome, RetryChanges } from "../pool.ts";

/** An outcome in plain data. Values are Kombu's JSON, which also has what no structured clone keeps, such as Decimals. */
export type OutcomeData =
  | {
      readonly kind: "returned";
      readonly value: string;
      readonly children: readonly ResultNode[];
      readonly added?: string;
    }
  | { readonly kind: "replaced"; readonly by: string; readonly added?: string }
  | { readonly kind: "retry"; readonly failure: Failure; readonly delayMs: number; readonly changes: string }
  | Exclude<PoolOutcome, { kind: "returned" | "replaced" | "retry" | "lost" }>;

/** Throws EncodeError when what is to change in a retry has no JSON form. */
export function encodeOutcome(outcome: Exclude<PoolOutcome, { kind: "lost" }>): OutcomeData {
  switch (outcome.kind) {
    case "returned": {
      const { kind, value, children, added } = outcome;
      return { kind, value: value.text, children, ...(added === undefined ? {} : { added: added.text }) };
    }
    case "replaced": {
      const { kind, by, added } = outcome;
      return { kind, by: by.text, ...(added === undefined ? {} : { added: added.text }) };
    }
    case "retry":
      return { ...outcome, changes: encodeJson(outcome.changes, "retry") };
    default:
      return outcome;
  }
}

export function decodeOutcome(data: OutcomeData): PoolOutcome {
  switch (data.kind) {
    case "returned": {
      const { kind, value, children, added } = data;
      const returned = { kind, value: new EncodedJson(value), children };
      return added === undefined ? returned : { ...returned, added: new EncodedJson(added) };
    }
    case "replaced": {
      const { kind, by, added } = data;
      return { kind, by: new EncodedJson(by), ...(added === undefined ? {} : { added: new EncodedJson(added) }) };
    }
    case "retry":
      return { ...data, changes: decodeJson(data.changes) as RetryChanges };
    default:
      return data;
  }
}

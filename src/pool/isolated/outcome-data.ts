import type { Failure } from "../../backend/failure.ts";
import { decodeJson, EncodedJson, encodeJson } from "../../message/json.ts";
import type { PoolOutcome, RetryChanges, SentChild } from "../pool.ts";

/** An outcome in plain data. Values are Kombu's JSON, which also has what no structured clone keeps, such as Decimals. */
export type OutcomeData =
  | { readonly kind: "returned"; readonly value: string; readonly children: readonly SentChild[] }
  | { readonly kind: "retry"; readonly failure: Failure; readonly delayMs: number; readonly changes: string }
  | Exclude<PoolOutcome, { kind: "returned" | "retry" | "lost" }>;

/** Throws EncodeError when what is to change in a retry has no JSON form. */
export function encodeOutcome(outcome: Exclude<PoolOutcome, { kind: "lost" }>): OutcomeData {
  switch (outcome.kind) {
    case "returned":
      return { ...outcome, value: outcome.value.text };
    case "retry":
      return { ...outcome, changes: encodeJson(outcome.changes, "retry") };
    default:
      return outcome;
  }
}

export function decodeOutcome(data: OutcomeData): PoolOutcome {
  switch (data.kind) {
    case "returned":
      return { ...data, value: new EncodedJson(data.value) };
    case "retry":
      return { ...data, changes: decodeJson(data.changes) as RetryChanges };
    default:
      return data;
  }
}

import { encodeJson } from "../message/json.ts";
import type { Lead } from "../canvas/launch.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { CanvasTooLargeError } from "./errors.ts";

/** Refuses messages that would carry more together of what follows them than so many bytes. Throws CanvasTooLargeError. */
export function requireSendable(leads: readonly Lead[], maxBytes: number | null): void {
  if (maxBytes === null) return;
  const carried = new Map<SignatureDict, Carried>();
  let size = 0;
  for (const dict of leads.flatMap(carriedBy)) {
    const known = carried.get(dict) ?? { task: dict.task, size: sizeOf(dict), carriers: 0 };
    known.carriers += 1;
    carried.set(dict, known);
    size += known.size;
  }
  if (size <= maxBytes) return;
  const largest = [...carried.values()].reduce((most, one) =>
    one.size * one.carriers > most.size * most.carriers ? one : most,
  );
  throw new CanvasTooLargeError(size, maxBytes, largest);
}

interface Carried {
  readonly task: string;
  /** In bytes. */
  readonly size: number;
  carriers: number;
}

/** The body of a chord is the same in all of its members. */
function carriedBy({ call, chain }: Lead): readonly SignatureDict[] {
  const { chord } = call.options;
  return chord === undefined || chord === null ? chain : [...chain, chord as SignatureDict];
}

function sizeOf(dict: SignatureDict): number {
  return Buffer.byteLength(encodeJson(dict, "canvas"));
}

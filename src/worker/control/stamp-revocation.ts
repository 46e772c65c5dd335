import { checkStampedHeaders, stampsIn, type Stamp, type StampedHeaders } from "../../app/revoked-stamps.ts";
import type { ArgumentReader } from "../../control/argument-reader.ts";
import { strLiteral } from "../../message/python-literals.ts";
import { pythonRepr } from "../../message/python-repr.ts";
import type { OpenParts } from "../parts.ts";
import type { Commands } from "./command-table.ts";
import { reprSet } from "./repr-set.ts";

/**
 * Holds for the workers that hear it, until they end, as Celery's: clients count on a worker that was started anew having forgotten it.
 * `app.revokeByStampedHeaders` is for the whole fleet. The answers are Celery's, word for word.
 */
export function stampRevocation({ running, revocations }: OpenParts): Commands {
  return {
    revoke_by_stamped_headers: (args) => {
      const headers = headersIn(args);
      const terminate = args.flag("terminate");
      revocations.revokeHere(headers);
      if (!terminate) return { ok: `headers ${pythonRepr(headers)} flagged as revoked, but not terminated` };
      const revoked = new Set(stampsIn(headers).map(({ key }) => key));
      const ended: Stamp[] = [];
      for (const task of running) {
        const matching = stampsIn(task.request.stamps).filter(({ key }) => revoked.has(key));
        if (matching.length > 0) task.end("terminated");
        ended.push(...matching);
      }
      if (ended.length === 0) return { ok: `headers ${pythonRepr(headers)} were not terminated` };
      return { ok: `headers ${reprOfEnded(ended)} revoked` };
    },
  };
}

/** An object, or words `name=value` as the command line gives them. Throws TypeError. */
function headersIn(args: ArgumentReader): StampedHeaders {
  const headers = args.dictOr("headers", () => headersOf(args.texts("headers")));
  checkStampedHeaders(headers);
  return headers;
}

function headersOf(words: readonly string[]): StampedHeaders {
  const headers = new Map<string, string[]>();
  for (const word of words) {
    const [, name = "", value = ""] = /^([^=]+)=([^]*)$/.exec(word) ?? [];
    if (name === "") throw new TypeError(`the argument "headers" has "${word}", which is not name=value`);
    headers.set(name, [...(headers.get(name) ?? []), value]);
  }
  const one = ([name, values]: [string, string[]]): [string, unknown] => [
    name,
    values.length === 1 ? values[0] : values,
  ];
  return Object.fromEntries([...headers].map(one));
}

/** Celery's `defaultdict(set)`. */
function reprOfEnded(ended: readonly Stamp[]): string {
  const byName = new Map<string, Map<string, unknown>>();
  for (const { name, key, value } of ended) {
    const values = byName.get(name) ?? new Map<string, unknown>();
    byName.set(name, values.set(key, value));
  }
  const entries = [...byName].map(([name, values]) => `${strLiteral(name)}: ${reprSet([...values.values()])}`);
  return `defaultdict(<class 'set'>, {${entries.join(", ")}})`;
}

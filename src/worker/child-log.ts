import { inspect } from "node:util";
import type { News } from "../pool/isolated/protocol.ts";
import type { LogFields, Logger } from "../util/logger.ts";

/** A logger whose lines the pool writes, so that they look like all others. */
export function childLog(post: (news: News) => void): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void =>
      post({ kind: "log", level, message, fields: fields === undefined ? undefined : asData(fields) });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Fields may hold anything; what cannot be cloned is described. */
function asData(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, cloneable(value)]));
}

function cloneable(value: unknown): unknown {
  if (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol") return value;
  try {
    return structuredClone(value);
  } catch {
    return inspect(value);
  }
}

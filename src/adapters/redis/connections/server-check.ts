import type { Answer } from "./batch.ts";
import { UnusableError } from "./failure.ts";
import type { Command } from "./redis-link.ts";

/** The oldest that has all commands that are used. */
const OLDEST = [6, 2] as const;

/** Asks for what `checkServer` judges. A Redis that is loading answers these too. */
export const SERVER_QUESTIONS: readonly Command[] = [
  ["INFO", "server"],
  ["INFO", "persistence"],
  ["INFO", "replication"],
  ["INFO", "memory"],
];

/**
 * Throws UnusableError when the server cannot be used; returns what its users should be warned of. A user who may not ask is told nothing: what
 * fails then tells for itself.
 */
export function checkServer(answers: readonly Answer[]): readonly string[] {
  const info = readInfo(answers.filter((answer) => typeof answer === "string").join("\n"));
  if (info.get("loading") === "1") throw new UnusableError("it is loading its data.");
  if (info.get("role") === "slave" && info.get("slave_read_only") !== "0") {
    throw new UnusableError("it is a replica, which takes no writes. The URL must lead to its master.");
  }
  checkVersion(info.get("redis_version"));
  return warningsOf(info);
}

function readInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).map((line) => /^(\w+):(.*)$/.exec(line));
  return new Map(lines.flatMap((line) => (line === null ? [] : [[line[1] ?? "", line[2] ?? ""] as const])));
}

function checkVersion(version: string | undefined): void {
  if (version === undefined) return;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new UnusableError(`it is Redis ${version}. At least ${OLDEST.join(".")} is needed.`, { isLasting: true });
}

function warningsOf(info: ReadonlyMap<string, string>): readonly string[] {
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  const limit = Number(info.get("maxmemory") ?? 0);
  const warnings: string[] = [];
  if (policy !== "noeviction") {
    warnings.push(`its maxmemory-policy is ${policy}: once its memory is full, it throws messages and results away`);
  }
  if (limit > 0 && Number(info.get("used_memory") ?? 0) >= limit) {
    warnings.push("it has reached its maxmemory: with noeviction it takes no writes");
  }
  return warnings;
}

import { RedisReplyError } from "./redis-link.ts";

/** Why a Redis cannot be used, in a sentence that fits behind "The broker redis://… is not available:". Its user's own error is made of it. */
export class UnusableError extends Error {
  override readonly name = "UnusableError";
  /** Whether it stays so until somebody changes the server or its URL. */
  readonly isLasting: boolean;
  constructor(
    detail: string,
    { cause, isLasting = false }: { readonly cause?: unknown; readonly isLasting?: boolean | undefined } = {},
  ) {
    super(detail, { cause });
    this.isLasting = isLasting;
  }
}

/** The server owed a reply, and said nothing for too long. */
export class SilenceError extends UnusableError {}

/** Makes the error that a user of the connections owes its callers. */
export type Unavailable = (
  detail: string,
  options: { readonly cause: unknown; readonly mayComeBack: boolean },
) => Error;

/** What a user's callers are told: its own error when the server cannot be used, else the error as it is. */
export function explained(error: unknown, unavailable: Unavailable): unknown {
  if (error instanceof UnusableError)
    return unavailable(error.message, { cause: error.cause ?? error, mayComeBack: !error.isLasting });
  const judged = error instanceof RedisReplyError ? judge(error.message) : undefined;
  return judged === undefined ? error : unavailable(judged.detail, { cause: error, mayComeBack: !judged.isLasting });
}

/** What an error reply means for the connection that it came by. */
export interface Judgement {
  readonly detail: string;
  /** Whether another connection may lead to a server that can be used, such as the new master. */
  readonly isLost: boolean;
  /** Whether it stays so until somebody changes the server or its URL. */
  readonly isLasting: boolean;
}

/** The judgement of an error reply that says that the server cannot be used; undefined of one that says that the command was wrong. */
export function judge(reply: string): Judgement | undefined {
  const judged = JUDGEMENTS.find(({ pattern }) => pattern.test(reply));
  if (judged === undefined) return undefined;
  const { meaning, isLost, isLasting = false } = judged;
  return { detail: `${meaning} (${reply})`, isLost, isLasting };
}

/** A script's error begins with the code too; on Redis 6.2 it comes behind the script's place: `ERR Error running script (…): … -OOM …`. */
function code(...codes: readonly string[]): RegExp {
  return new RegExp(`^(?:ERR Error running script.* -)?(?:${codes.join("|")})\\b`);
}

interface Meaning {
  readonly pattern: RegExp;
  readonly meaning: string;
  readonly isLost: boolean;
  readonly isLasting?: true;
}

const JUDGEMENTS: readonly Meaning[] = [
  {
    pattern: code("READONLY"),
    meaning: "it is a replica, which takes no writes. After a failover, the URL must lead to the new master.",
    isLost: true,
  },
  {
    pattern: /^Unknown RESP type/,
    meaning: "it does not speak as a Redis does: the URL leads to something else.",
    isLost: true,
    isLasting: true,
  },
  { pattern: code("LOADING"), meaning: "it is loading its data.", isLost: true },
  { pattern: code("MASTERDOWN"), meaning: "it is a replica that has lost its master.", isLost: true },
  { pattern: code("UNBLOCKED"), meaning: "it was made a replica.", isLost: true },
  { pattern: /^ERR max number of clients/, meaning: "it has as many clients as its maxclients allows.", isLost: true },
  {
    pattern: code("NOAUTH"),
    meaning: "it asks for a password. Put it into the URL: redis://:password@host.",
    isLost: true,
    isLasting: true,
  },
  {
    pattern: /^WRONGPASS\b|^ERR invalid password/,
    meaning: "it refuses the user or the password of the URL.",
    isLost: true,
    isLasting: true,
  },
  {
    pattern: /^ERR (?:AUTH .* called without|Client sent AUTH, but no password)/,
    meaning: "its default user has no password. Remove the one in the URL, or name the user that it belongs to.",
    isLost: true,
    isLasting: true,
  },
  {
    pattern: /^ERR DB index is out of range/,
    meaning: "it has no database of the URL's number.",
    isLost: true,
    isLasting: true,
  },
  {
    pattern: code("CLUSTERDOWN", "MOVED", "CROSSSLOT", "ASK"),
    meaning:
      "it is part of a Redis Cluster, which cannot be used. Use one master, with Sentinel where it must fail over.",
    isLost: true,
    isLasting: true,
  },
  {
    pattern: code("NOPERM"),
    meaning: "its user may not do what is needed. Allow it with ACL SETUSER.",
    isLost: false,
    isLasting: true,
  },
  {
    pattern: code("OOM"),
    meaning: "it has reached its maxmemory and takes no writes. Raise maxmemory, or free some.",
    isLost: false,
  },
  {
    pattern: code("MISCONF"),
    meaning: "it takes no writes since it cannot save to its disk. Its log says why.",
    isLost: false,
  },
  { pattern: code("NOREPLICAS"), meaning: "it takes no writes while it has too few replicas.", isLost: false },
  { pattern: code("BUSY"), meaning: "a script has occupied it for too long.", isLost: false },
];

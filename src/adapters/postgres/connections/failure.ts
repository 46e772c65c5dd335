import { toError } from "../../../util/errors.ts";

/** Why a Postgres cannot be used, in a sentence that fits behind "The result backend postgres://… is not available:". */
export class UnusableError extends Error {
  override readonly name = "UnusableError";
  /** Whether it stays so until somebody changes the server, the schema or the URL. */
  readonly isLasting: boolean;
  constructor(
    detail: string,
    { cause, isLasting = false }: { readonly cause?: unknown; readonly isLasting?: boolean | undefined } = {},
  ) {
    super(detail, { cause });
    this.isLasting = isLasting;
  }
}

/** Makes the error that a user of the connections owes its callers. */
export type Unavailable = (
  detail: string,
  options: { readonly cause: unknown; readonly mayComeBack: boolean },
) => Error;

/** What a user's callers are told: its own error when the server cannot be used, else the error as it is: what was asked cannot be done. */
export function explained(error: unknown, unavailable: Unavailable): unknown {
  const unusable = asUnusable(error);
  if (unusable === undefined) return error;
  return unavailable(unusable.message, { cause: unusable.cause ?? unusable, mayComeBack: !unusable.isLasting });
}

/** Undefined for an error that says that what was asked was wrong. */
export function asUnusable(error: unknown): UnusableError | undefined {
  if (error instanceof UnusableError) return error;
  const { message } = toError(error);
  const code = sqlStateOf(error);
  if (code === undefined) return undefined;
  const { what, isLasting = false } = meaningOf(error, code) ?? {};
  return what === undefined
    ? undefined
    : new UnusableError(`${what} (${message}, ${code})`, { cause: error, isLasting });
}

/** Undefined for what was wrong to ask. An error that nobody has heard of is the server's affair: a task is not to blame for it. */
function meaningOf(error: unknown, code: string): Meaning | undefined {
  if ((error as { readonly routine?: unknown }).routine === FILLS_NOTIFICATIONS) return NOTIFICATIONS_FULL;
  return MEANINGS.find(({ states }) => states.test(code)) ?? (REFUSALS.test(code) ? undefined : UNHEARD_OF);
}

/** The SQLSTATE of what the server answered; undefined for an error that is not the server's. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { readonly code?: unknown; readonly severity?: unknown };
  return typeof code === "string" && severity !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Nothing of it was done: two got in each other's way, and one had to give in. */
export function isToBeRepeated(error: unknown): boolean {
  return /^40(001|P01)$/.test(sqlStateOf(error) ?? "");
}

/** Whether the schema is not what this version works on, or cannot be used. */
export function isOfSchema(error: unknown): boolean {
  return /^(3F000|42P01|42703|42883)$/.test(sqlStateOf(error) ?? "");
}

/** Whether another connection may lead to a server that can be used, such as the new primary. */
export function isOfConnection(error: unknown): boolean {
  return /^(08...|57P..|25006)$/.test(sqlStateOf(error) ?? "");
}

interface Meaning {
  readonly what: string;
  readonly isLasting?: true;
}

/** Values that cannot be stored, statements that cannot be run, and what is too long for an index. */
const REFUSALS = /^(21|22|23|42|54)/;

const UNHEARD_OF: Meaning = { what: "it could not do what was asked. Its log may say more." };

/** Where the server says, with the SQLSTATE of what is too long, that nobody reads its notifications. Source: `src/backend/commands/async.c`. */
const FILLS_NOTIFICATIONS = "PreCommit_Notify";
const NOTIFICATIONS_FULL: Meaning = {
  what: "its queue of notifications is full: a session that listens is stuck in a transaction. Nothing was changed.",
};

const MEANINGS: readonly (Meaning & { readonly states: RegExp })[] = [
  { states: /^57P03$/, what: "it is starting, or shutting down." },
  {
    states: /^57P0[124]$/,
    what: "it was shut down, or has ended this connection. What was asked of it may be done or not.",
  },
  { states: /^08/, what: "the connection failed. What was asked of it may be done or not." },
  { states: /^53300$/, what: "it has as many connections as its max_connections allows." },
  { states: /^53/, what: "it has run out of memory or of room on its disk. Nothing was changed." },
  { states: /^58/, what: "its system failed it. Its log says why." },
  { states: /^57014$/, what: "it took too long, and what was asked was given up. Nothing was changed." },
  { states: /^55P03$|^40/, what: "others kept it locked. Nothing was changed." },
  {
    states: /^25006$/,
    what: "it is a standby, which takes no writes. After a failover, the URL must lead to the new primary.",
  },
  { states: /^28/, what: "it refuses the user or the password of the URL.", isLasting: true },
  { states: /^3D000$/, what: "it has no such database. Create it, or name another in the URL.", isLasting: true },
  {
    states: /^42501$/,
    what: "its user may not do what is needed. `celeriac postgres roles` prints what must be granted.",
    isLasting: true,
  },
  {
    states: /^(3F000|42P01|42703|42883)$/,
    what: "its schema is not what this version needs. Run `celeriac postgres migrate`.",
    isLasting: true,
  },
  { states: /^XX00[12]$/, what: "its data are damaged. Its log says more.", isLasting: true },
];

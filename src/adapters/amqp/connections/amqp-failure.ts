/** Why a RabbitMQ cannot be used, in a sentence that fits behind "The broker amqp://… is not available:". Its user's own error is made of it. */
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

/** The server closed a channel since it refused what was asked of it. */
export class AmqpReplyError extends Error {
  override readonly name = "AmqpReplyError";
  /** AMQP 0-9-1, section 1.2: 404 not found, 405 locked, 406 precondition failed … */
  readonly code: number;
  /** What the server says: `NOT_FOUND - no queue 'x' in vhost '/'`. */
  readonly text: string;
  constructor(code: number, text: string, options?: { readonly cause?: unknown }) {
    super(`RabbitMQ refused it: ${text} (${code}).`, options);
    this.code = code;
    this.text = text;
  }
}

/** Makes the error that a user of the connections owes its callers. */
export type Unavailable = (
  detail: string,
  options: { readonly cause: unknown; readonly mayComeBack: boolean },
) => Error;

/** What a user's callers are told: its own error when the server cannot be used, else the error as it is. */
export function explained(error: unknown, unavailable: Unavailable): unknown {
  if (!(error instanceof UnusableError)) return error;
  return unavailable(error.message, { cause: error.cause ?? error, mayComeBack: !error.isLasting });
}

/** Errors of amqplib and of sockets while a connection is made or used. */
export function judged(error: unknown): UnusableError {
  if (error instanceof UnusableError) return error;
  const { message, code = "" } = error as Error & { readonly code?: string | number };
  const text = `${code} ${message}`;
  const { detail, isLasting = false } = MEANINGS.find(({ pattern }) => pattern.test(text)) ?? {};
  const said = (message.trim() || `${code}`).replace(/\.?$/, ".");
  return new UnusableError(detail === undefined ? said : `${detail} (${said.slice(0, -1)})`, {
    cause: error,
    isLasting,
  });
}

/** A refusal by the server, taken from the error that amqplib makes of it; undefined for other errors. */
export function replyErrorOf(error: unknown): AmqpReplyError | undefined {
  const { message, code } = error as Error & { readonly code?: unknown };
  if (typeof code !== "number") return undefined;
  const [, text] = /with message "(.*)"$/s.exec(message) ?? [];
  return new AmqpReplyError(code, text ?? message, { cause: error });
}

interface Meaning {
  readonly pattern: RegExp;
  readonly detail: string;
  readonly isLasting?: true;
}

/** The first that fits. What TLS says comes first: it has numbers in it that are none of AMQP's codes. */
const MEANINGS: readonly Meaning[] = [
  {
    pattern: /alert (?:certificate|bad certificate|unknown ca|no certificate)/,
    detail: "it does not accept the client certificate of its URL or options, or asks for one where there is none.",
    isLasting: true,
  },
  {
    pattern: /ERR_TLS_CERT_ALTNAME_INVALID/,
    detail: "its certificate is for another name than that of the URL.",
    isLasting: true,
  },
  {
    pattern: /CERT_|_CERT|ERR_TLS|SELF_SIGNED|ERR_SSL|wrong version number/,
    detail: "TLS with it fails: its certificate is not trusted, or it does not speak TLS on this port.",
    isLasting: true,
  },
  { pattern: /ACCESS[-_]REFUSED|\b403\b/, detail: "it refuses the user or the password of the URL.", isLasting: true },
  {
    pattern: /NOT_ALLOWED|\b530\b|Expected ConnectionOpenOk; got <ConnectionClose/,
    detail: "its virtual host does not exist, or the user may not enter it.",
    isLasting: true,
  },
  { pattern: /CONNECTION_FORCED|\b320\b/, detail: "it closed the connection, as it does when it is stopped." },
  { pattern: /Heartbeat timeout/, detail: "it was not heard of for two heartbeats." },
  { pattern: /ETIMEDOUT/, detail: "it did not answer in time." },
  { pattern: /ECONNREFUSED/, detail: "nothing listens there." },
  {
    pattern: /Expected ConnectionStart|Unknown class|Invalid frame/i,
    detail: "it does not speak AMQP 0-9-1.",
    isLasting: true,
  },
  { pattern: /Unexpected close|closed abruptly|ECONNRESET|EPIPE|ABORT_ERR/, detail: "the connection was closed." },
];

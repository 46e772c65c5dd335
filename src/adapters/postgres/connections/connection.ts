import { createHash } from "node:crypto";
import type pg from "pg";
import type { Abortable } from "../../../util/abortable.ts";
import type { Clock } from "../../../util/clock.ts";
import { toError } from "../../../util/errors.ts";
import { startTimer } from "../../../util/timer.ts";
import { within } from "../../../util/within.ts";
import { createClient } from "./create-client.ts";
import type { Endpoint } from "./endpoint.ts";
import { asUnusable, isOfConnection, UnusableError } from "./failure.ts";

/** How long a connection may take until it can be used, in milliseconds: the handshakes, the log-in, the first question. */
const OPEN_MS = 5_000;
/** The server gives up whatever takes longer, in milliseconds; and so much later we take it for dead. */
const STATEMENT_MS = 10_000;
const SILENCE_MS = 2_000;
/** An event loop that was blocked has not read yet what is there: so much longer, in milliseconds, before silence is believed; opening takes several turns. */
const SECOND_LOOK_MS = 100;
const SECOND_OPEN_MS = 1_000;

/**
 * Whoever is told that something is stored may count on it: a session that would not wait for the disk is made to. And the functions of the schema look anew
 * after each lock. Names that say no schema are the server's own, whatever others have put into `public`.
 */
const SET_UP = `
  SELECT set_config('statement_timeout', '${STATEMENT_MS}', false), set_config('client_encoding', 'UTF8', false),
    set_config('default_transaction_isolation', 'read committed', false), set_config('search_path', 'pg_catalog', false),
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END`;

export interface OpenOptions extends Abortable {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
}

/** One socket to a Postgres, from its log-in until it is lost, which it is once: when it closes, and when the server is silent for too long. */
export class Connection {
  readonly #client: pg.Client;
  readonly #clock: Clock;
  /** Rejects what is under way. */
  readonly #owed = new Set<(reason: Error) => void>();
  readonly #lossListeners: (() => void)[] = [];
  #loss: Error | undefined;

  /** Rejects with UnusableError. */
  static async open({ endpoint, clock, signal }: OpenOptions): Promise<Connection> {
    const late = new UnusableError(`it did not answer within ${OPEN_MS / 1_000} s.`);
    const limit = { clock, error: () => late, signal };
    let connection: Connection | undefined;
    let opening: Promise<void> | undefined;
    try {
      connection = new Connection(createClient(endpoint), clock);
      const client = connection.#client;
      await within({ ...limit, ms: OPEN_MS }, () => (opening = logIn(client))).catch((error: unknown) => {
        if (error !== late || opening === undefined) throw error;
        return within({ ...limit, ms: SECOND_OPEN_MS }, () => opening as Promise<void>);
      });
      return connection;
    } catch (error) {
      connection?.lose(error);
      throw explainedOpening(error);
    }
  }

  private constructor(client: pg.Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    client.on("error", (error: Error) => this.lose(error));
    client.on("end", () => this.lose(new Error("it was closed")));
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** Called once; at once when it is lost already. */
  onLost(listener: () => void): void {
    if (this.#loss === undefined) this.#lossListeners.push(listener);
    else listener();
  }

  /** What is sent to the channels that this connection listens to. */
  onNotification(listener: (payload: string) => void): void {
    this.#client.on("notification", ({ payload = "" }) => listener(payload));
  }

  /** One statement at a time. Rejects with UnusableError when the connection is lost before it is answered, and with the server's error. */
  query<Row>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#limited(STATEMENT_MS + SILENCE_MS, () =>
      this.#client.query({ name: nameOf(text), text, values: values as unknown[] }).then(({ rows }) => rows as Row[]),
    );
  }

  /** Several statements in a text, without values, for which the server may take up to `ms`. */
  async run(text: string, ms: number): Promise<void> {
    await this.#limited(ms + SILENCE_MS, () => this.#client.query(`SET statement_timeout = ${ms};${text}`));
    await this.#limited(STATEMENT_MS, () => this.#client.query(`SET statement_timeout = ${STATEMENT_MS}`));
  }

  /** Whatever is under way rejects with the reason. */
  lose(reason: unknown): void {
    if (this.#loss !== undefined) return;
    this.#loss = lossOf(reason);
    this.#stream.destroy();
    for (const reject of this.#owed) reject(this.#loss);
    for (const listener of this.#lossListeners) listener();
  }

  /** Says good-bye, so that the server need not find out. */
  close(): void {
    if (this.#loss !== undefined) return;
    this.#stream.write(TERMINATE);
    this.lose(new UnusableError("it was closed in this process."));
  }

  get #stream(): SocketLike {
    return (this.#client as unknown as { readonly connection: { readonly stream: SocketLike } }).connection.stream;
  }

  #limited<T>(ms: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#loss !== undefined) throw this.#loss;
      let stopTimer = startTimer(this.#clock, ms, () => {
        stopTimer = startTimer(this.#clock, SECOND_LOOK_MS, () => this.lose(silence(ms)));
      });
      const end = (): void => {
        stopTimer();
        this.#owed.delete(fail);
      };
      const fail = (reason: unknown): void => {
        end();
        reject(toError(reason));
      };
      this.#owed.add(fail);
      work().then(
        (value) => {
          end();
          resolve(value);
        },
        (error: unknown) => {
          if (isOfConnection(error)) this.lose(error);
          fail(this.#loss ?? error);
        },
      );
    });
  }
}

async function logIn(client: pg.Client): Promise<void> {
  await client.connect();
  await client.query(SET_UP);
}

interface SocketLike {
  write(bytes: Buffer): unknown;
  destroy(): void;
}

/** The message `Terminate` of PostgreSQL's protocol. */
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

/** A statement is parsed once for each connection, by a name that Postgres does not cut. */
const names = new Map<string, string>();

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = createHash("sha1").update(text).digest("hex")));
  return name;
}

function silence(ms: number): UnusableError {
  return new UnusableError(`it was silent for ${ms / 1_000} s. What was asked of it may be done or not.`);
}

function lossOf(reason: unknown): UnusableError {
  const { message } = toError(reason);
  return (
    asUnusable(reason) ??
    new UnusableError(`the connection was lost: ${message}. What was asked of it may be done or not.`, {
      cause: reason,
    })
  );
}

/** Nothing was asked yet. */
function explainedOpening(error: unknown): UnusableError {
  return asUnusable(error) ?? new UnusableError(`${toError(error).message || String(error)}.`, { cause: error });
}

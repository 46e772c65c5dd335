import { exponentialBackoff } from "../../../util/backoff.ts";
import { uptimeOf, type Clock } from "../../../util/clock.ts";
import { deferred, type Deferred } from "../../../util/deferred.ts";
import { startTimer } from "../../../util/timer.ts";
import { Connection } from "./connection.ts";
import type { Endpoint } from "./endpoint.ts";
import { explained, isOfSchema, isToBeRepeated, UnusableError, type Unavailable } from "./failure.ts";

/** How long a statement may wait for a connection while others have all of them, in milliseconds. */
const TURN_MS = 15_000;
/** A connection that was idle for longer is not trusted, in milliseconds: what stands between may have forgotten it. */
const IDLE_MS = 60_000;
/** Between attempts to connect, in milliseconds. */
const BACKOFF = { baseMs: 50, maxMs: 2_000 };
/** How often what two did to each other is repeated. */
const REPEATS = 8;

export interface PoolOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly maxConnections: number;
  /** Makes sure that the server has what statements stand on. Called with each new connection; a statement that does not find it ends those that there are. */
  readonly prepare: (connection: Connection) => Promise<void>;
  readonly unavailable: Unavailable;
}

/** What statements are asked of. */
export interface Queries {
  /** Rejects with the user's own error when the server cannot be used, else with the server's. Nothing is ever sent twice, but for what was rolled back. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** So many connections at most, each opened when it is needed, and anew after it was lost. */
export class Pool implements Queries, AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #closed = new AbortController();
  #idle: { readonly connection: Connection; readonly since: number }[] = [];
  readonly #busy = new Set<Connection>();
  readonly #line: Deferred<void>[] = [];
  #taken = 0;
  #failures = 0;
  /** By the clock's uptime. */
  #connectAt = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Rejects when the server does not answer or cannot be used. */
  async open(): Promise<void> {
    await this.query("SELECT 1");
  }

  async query<Row>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    for (let repeat = 0; ; repeat += 1) {
      try {
        return await this.#withConnection((connection) => connection.query<Row>(text, values));
      } catch (error) {
        if (!isToBeRepeated(error) || repeat >= REPEATS) throw explained(error, this.#options.unavailable);
        await this.#options.clock.sleep(exponentialBackoff(repeat, BACKOFF));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(closed());
    for (const turn of this.#line.splice(0)) turn.reject(closed());
    for (const { connection } of this.#idle.splice(0)) connection.close();
    for (const connection of this.#busy) connection.lose(closed());
  }

  async #withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    await this.#enter();
    let connection: Connection | undefined;
    try {
      connection = this.#takeIdle() ?? (await this.#connect());
      return await work(connection);
    } catch (error) {
      if (isOfSchema(error)) for (const found of [connection, ...this.#takeAllIdle()]) found?.close();
      throw error;
    } finally {
      if (connection !== undefined) this.#putBack(connection);
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#closed.signal.aborted) throw closed();
    if (this.#taken < this.#options.maxConnections) {
      this.#taken += 1;
      return;
    }
    const turn = deferred();
    this.#line.push(turn);
    const stopTimer = startTimer(this.#options.clock, TURN_MS, () => {
      const place = this.#line.indexOf(turn);
      if (place < 0) return;
      this.#line.splice(place, 1);
      turn.reject(
        new UnusableError(`all connections to it were busy for ${TURN_MS / 1_000} s. Nothing was asked of it.`),
      );
    });
    try {
      await turn.promise;
    } finally {
      stopTimer();
    }
  }

  /** Whoever waits has the turn; nobody can come between. */
  #leave(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#taken -= 1;
    else next.resolve();
  }

  #takeIdle(): Connection | undefined {
    const now = uptimeOf(this.#options.clock);
    const fresh = this.#idle.filter(({ connection, since }) => !connection.isLost && now - since < IDLE_MS);
    for (const { connection } of this.#idle)
      if (!fresh.some((idle) => idle.connection === connection)) connection.close();
    this.#idle = fresh;
    const connection = this.#idle.pop()?.connection;
    if (connection !== undefined) this.#busy.add(connection);
    return connection;
  }

  #takeAllIdle(): readonly Connection[] {
    return this.#idle.splice(0).map(({ connection }) => connection);
  }

  #putBack(connection: Connection): void {
    this.#busy.delete(connection);
    if (connection.isLost) return;
    if (this.#closed.signal.aborted) connection.close();
    else this.#idle.push({ connection, since: uptimeOf(this.#options.clock) });
  }

  async #connect(): Promise<Connection> {
    const { endpoint, clock, prepare } = this.#options;
    const { signal } = this.#closed;
    const waitMs = this.#connectAt - uptimeOf(clock);
    if (waitMs > 0) await clock.sleep(waitMs, { signal });
    let connection: Connection | undefined;
    try {
      connection = await Connection.open({ endpoint, clock, signal });
      signal.throwIfAborted();
      // From now on disposing reaches it.
      this.#busy.add(connection);
      await prepare(connection);
      this.#failures = 0;
      this.#connectAt = 0;
      return connection;
    } catch (error) {
      connection?.close();
      if (connection !== undefined) this.#busy.delete(connection);
      this.#connectAt = uptimeOf(clock) + exponentialBackoff(this.#failures, BACKOFF);
      this.#failures += 1;
      throw error;
    }
  }
}

function closed(): UnusableError {
  return new UnusableError("it was closed in this process.");
}

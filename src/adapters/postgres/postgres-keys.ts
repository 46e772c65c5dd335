import { BrokerUnavailableError } from "../../broker/errors.ts";
import type { Claim, KeyStore } from "../../broker/key-store.ts";
import type { RenewerSource } from "../../broker/leases/renewer.ts";
import type { Turn, TurnRules } from "../../broker/turns.ts";
import { Batcher } from "../../util/batcher.ts";
import type { Clock } from "../../util/clock.ts";
import type { Logger } from "../../util/logger.ts";
import { LONGEST_MS, wholeMs } from "../../util/whole-ms.ts";
import { renewClaims, storedKey, storedPrefix } from "./claims.ts";
import type { Pool } from "./connections/pool.ts";
import { idleSoon } from "./idle-soon.ts";
import { runMaintenance } from "./maintenance.ts";

/** Keys that one statement reads. */
const READ_AT_ONCE = 1_000;

interface WantedKey {
  readonly key: string;
  readonly owner: string;
  readonly ttlMs: number;
  readonly value: string | undefined;
}

interface ClaimRow {
  readonly key: string;
  readonly owner: string;
  readonly value: string | null;
}

export interface PostgresKeyStoreOptions {
  /** Disposed with the key store. */
  readonly pool: Pool;
  /** As SQL writes it. */
  readonly schema: string;
  /** How a thread renews them. */
  readonly renewer: RenewerSource;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Claims as rows, by the server's clock. What one turn of the event loop claims, or asks, is one statement. */
export class PostgresKeyStore implements KeyStore {
  readonly renewer: RenewerSource;
  readonly #pool: Pool;
  readonly #schema: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #claims: Batcher<WantedKey, boolean>;
  readonly #prefixes: Batcher<string, boolean>;
  readonly #disposed = new AbortController();
  #maintenance: Promise<void> | undefined;

  constructor({ pool, schema, renewer, clock, log }: PostgresKeyStoreOptions) {
    this.renewer = renewer;
    this.#pool = pool;
    this.#schema = schema;
    this.#clock = clock;
    this.#log = log;
    this.#claims = new Batcher((wanted) => this.#claim(wanted), { isolates: isRefusal });
    this.#prefixes = new Batcher((prefixes) => this.#mayHave(prefixes), { isolates: isRefusal });
  }

  claim(key: string, owner: string, ttlMs: number, value?: string): Promise<boolean> {
    this.#maintenance ??= runMaintenance({
      queries: this.#pool,
      schema: this.#schema,
      clock: this.#clock,
      log: this.#log,
      signal: this.#disposed.signal,
    });
    return this.#claims.add({ key, owner, ttlMs, value });
  }

  async renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const [isHeld = false] = await renewClaims(this.#pool, this.#schema, [{ key, owner }], ttlMs);
    return isHeld;
  }

  async release(key: string, owner: string): Promise<boolean> {
    const rows = await this.#pool.query(
      `DELETE FROM ${this.#schema}.claims WHERE key = $1 AND owner = $2 AND expires_at > clock_timestamp() RETURNING true`,
      [storedKey(key), owner],
    );
    return rows.length > 0;
  }

  mayHave(prefix: string): Promise<boolean> {
    return this.#prefixes.add(storedPrefix(prefix));
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>> {
    const found = new Map<string, Claim>();
    for (let start = 0; start < keys.length; start += READ_AT_ONCE) {
      const wanted = new Map(keys.slice(start, start + READ_AT_ONCE).map((key) => [storedKey(key), key]));
      const rows = await this.#pool.query<ClaimRow>(
        `SELECT key, owner, value FROM ${this.#schema}.claims WHERE key = ANY ($1::text[]) AND expires_at > clock_timestamp()`,
        [[...wanted.keys()]],
      );
      for (const { key, owner, value } of rows) found.set(wanted.get(key) ?? key, { owner, value: value ?? undefined });
    }
    return found;
  }

  async takeTurn(key: string, { everyMs, withinMs }: TurnRules): Promise<Turn> {
    const [turn] = await this.#pool.query<{ readonly is_taken: boolean; readonly in_ms: number }>(
      `SELECT is_taken, in_ms FROM ${this.#schema}.take_turn($1, $2, $3)`,
      [storedKey(key), Math.min(everyMs, LONGEST_MS), Math.min(withinMs, LONGEST_MS)],
    );
    return { isTaken: turn?.is_taken === true, inMs: turn?.in_ms ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    await Promise.all([this.#claims, this.#prefixes].map((batcher) => idleSoon(batcher, this.#clock)));
    await this.#pool[Symbol.asyncDispose]();
    await this.#maintenance;
  }

  async #mayHave(prefixes: readonly string[]): Promise<readonly boolean[]> {
    const rows = await this.#pool.query<{ readonly is: boolean }>(
      `SELECT EXISTS (
         SELECT 1 FROM ${this.#schema}.claims WHERE key >= n.prefix AND key <= n.prefix || chr(1114111) AND expires_at > clock_timestamp()
       ) AS is FROM unnest($1::text[]) WITH ORDINALITY AS n (prefix, place) ORDER BY n.place`,
      [prefixes],
    );
    return rows.map(({ is }) => is);
  }

  async #claim(wanted: readonly WantedKey[]): Promise<readonly boolean[]> {
    const rows = await this.#pool.query<{ readonly place: number }>(
      `SELECT ${this.#schema}.claim_keys($1, $2, $3, $4) AS place`,
      [
        wanted.map(({ key }) => storedKey(key)),
        wanted.map(({ owner }) => owner),
        wanted.map(({ value = null }) => value),
        wanted.map(({ ttlMs }) => wholeMs(ttlMs)),
      ],
    );
    const claimed = new Set(rows.map(({ place }) => place));
    return wanted.map((_, index) => claimed.has(index + 1));
  }
}

/** Whether an error may be the fault of one claim, and not the server's. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof BrokerUnavailableError);
}

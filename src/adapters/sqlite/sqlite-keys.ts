import type { Claim, KeyStore } from "../../broker/key-store.ts";
import type { RenewerSource } from "../../broker/leases/renewer.ts";
import { TURN_PREFIX, turnAfter, type Turn, type TurnRules } from "../../broker/turns.ts";
import { Batcher } from "../../util/batcher.ts";
import { renewClaim } from "./claims.ts";
import { isRefusal, type Database } from "./database.ts";
import { LeapPause } from "./leap-pause.ts";
import { renewerSource } from "./renewer-source.ts";

const ANY_FROM = "SELECT 1 FROM claims WHERE key BETWEEN ? AND ? LIMIT 1";
const CLAIM = `
  INSERT INTO claims (key, owner, value, expires_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, value = excluded.value, expires_at = excluded.expires_at
  WHERE owner = excluded.owner OR expires_at <= ?`;
const RUN_OUT = "SELECT 1 FROM claims WHERE key = ? AND owner <> ? AND expires_at <= ?";
const RELEASE = "DELETE FROM claims WHERE key = ? AND owner = ? AND expires_at > ?";
const READ = "SELECT owner, value FROM claims WHERE key = ? AND expires_at > ?";

interface WantedKey {
  readonly key: string;
  readonly owner: string;
  readonly ttlMs: number;
  readonly value: string | undefined;
}

/** Claims as rows. Opened at first use. What one turn of the event loop claims is one commit. */
export class SqliteKeyStore implements KeyStore {
  readonly renewer: RenewerSource;
  readonly #database: Database;
  readonly #claims: Batcher<WantedKey, boolean>;
  readonly #leap: LeapPause;

  /** The database is disposed with the key store. */
  constructor(database: Database) {
    this.renewer = renewerSource({ path: database.path, kind: "claims" });
    this.#database = database;
    this.#leap = new LeapPause(database.clock);
    this.#claims = new Batcher((wanted) => this.#claim(wanted), { isolates: isRefusal });
  }

  async claim(key: string, owner: string, ttlMs: number, value?: string): Promise<boolean> {
    if (await this.#hasRunOut(key, owner)) await this.#leap.rest();
    return this.#claims.add({ key, owner, ttlMs, value });
  }

  /** Relaxed: a power loss that undoes it ends the owner too. */
  renew(key: string, owner: string, ttlMs: number): Promise<boolean> {
    return this.#database.transaction("relaxed", (sql) => {
      const now = this.#now();
      return renewClaim(sql, { key, owner }, until(now, ttlMs), now);
    });
  }

  release(key: string, owner: string): Promise<boolean> {
    return this.#database.transaction("durable", (sql) => sql(RELEASE).run(key, owner, this.#now()).changes > 0);
  }

  /** Claims that have run out and are not deleted yet count too. */
  mayHave(prefix: string): Promise<boolean> {
    return this.#database.read((sql) => sql(ANY_FROM).get(prefix, `${prefix}\u{10FFFF}`) !== undefined);
  }

  read(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>> {
    return this.#database.read((sql) => {
      const now = this.#now();
      const found = new Map<string, Claim>();
      for (const key of keys) {
        const row = sql<{ readonly owner: string; readonly value: string | null }>(READ).get(key, now);
        if (row !== undefined) found.set(key, { owner: row.owner, value: row.value ?? undefined });
      }
      return found;
    });
  }

  /** Relaxed: who had a turn that a power loss undoes did not outlive it. */
  takeTurn(key: string, rules: TurnRules): Promise<Turn> {
    return this.#database.transaction("relaxed", (sql) => {
      const now = this.#now();
      const last = sql<{ readonly value: string }>(READ).get(TURN_PREFIX + key, now)?.value;
      const turn = turnAfter(last === undefined ? undefined : Number(last), now, rules);
      const at = now + turn.inMs;
      if (turn.isTaken) sql(CLAIM).run(TURN_PREFIX + key, TURN_PREFIX, String(at), until(at, rules.everyMs), now);
      return turn;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#claims.idle();
    await this.#database[Symbol.asyncDispose]();
  }

  /** Whether there is another's claim that has run out, or seems to have. */
  #hasRunOut(key: string, owner: string): Promise<boolean> {
    return this.#database.read((sql) => sql(RUN_OUT).get(key, owner, this.#now()) !== undefined);
  }

  #claim(wanted: readonly WantedKey[]): Promise<readonly boolean[]> {
    return this.#database.transaction("durable", (sql) => {
      const now = this.#now();
      return wanted.map(
        ({ key, owner, ttlMs, value = null }) => sql(CLAIM).run(key, owner, value, until(now, ttlMs), now).changes > 0,
      );
    });
  }

  #now(): number {
    return this.#database.clock.now();
  }
}

function until(now: number, ttlMs: number): number {
  return Math.min(Math.ceil(now + ttlMs), Number.MAX_SAFE_INTEGER);
}

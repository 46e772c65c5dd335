/** What the thread that renews runs for an SQLite file: a small connection of its own. */
import { statSync } from "node:fs";
import { parseClaim } from "../../broker/leases/claim-receipt.ts";
import type { OpenRenewer, Renewer } from "../../broker/leases/renewer.ts";
import { systemClock } from "../../util/clock.ts";
import { keepClaim } from "./claims.ts";
import { loadDriver, type Connection, type Statement } from "./driver.ts";
import type { RenewerData } from "./renewer-source.ts";
import { renew as renewLease } from "./settle.ts";
import type { Sql } from "./shared-database.ts";

/** How long SQLite itself waits for another process's lock, in milliseconds; after that, other files have their turn. */
const BLOCKING_WAIT_MS = 100;
/** Of SQLite's memory for pages, in KiB: a renewal touches few. */
const CACHE_KIB = 256;

export const openRenewer: OpenRenewer = (data) => {
  const { path, kind } = data as RenewerData;
  return new SqliteRenewer(path, RENEWALS[kind]);
};

/** False when it was no longer held. */
type RenewOne = (sql: Sql, receipt: string, until: number) => boolean;

const RENEWALS: Readonly<Record<RenewerData["kind"], RenewOne>> = {
  leases: renewLease,
  claims: (sql, receipt, until) => keepClaim(sql, parseClaim(receipt), until),
};

/** Opened at the first renewal, and anew after every failure and when another file has taken its place. */
class SqliteRenewer implements Renewer {
  readonly #path: string;
  readonly #renewOne: RenewOne;
  readonly #statements = new Map<string, Statement<unknown>>();
  #connection: Connection | undefined;
  #inode = 0;

  constructor(path: string, renewOne: RenewOne) {
    this.#path = path;
    this.#renewOne = renewOne;
  }

  async renew(receipts: readonly string[], ms: number): Promise<readonly string[]> {
    try {
      return this.#renew(this.#current(), receipts, ms);
    } catch (error) {
      this.#disconnect();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#disconnect();
  }

  #renew(connection: Connection, receipts: readonly string[], ms: number): readonly string[] {
    const sql: Sql = <Row>(text: string) => this.#statement(connection, text) as Statement<Row>;
    connection.exec("BEGIN IMMEDIATE");
    const until = systemClock.now() + Math.ceil(ms);
    const lost = receipts.filter((receipt) => !this.#renewOne(sql, receipt, until));
    connection.exec("COMMIT");
    return lost;
  }

  #statement(connection: Connection, text: string): Statement<unknown> {
    const statement = this.#statements.get(text) ?? connection.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }

  /** Never makes a file: one that is not there is its users' affair. */
  #current(): Connection {
    const { ino } = statSync(this.#path);
    if (ino !== this.#inode) this.#disconnect();
    this.#inode = ino;
    return (this.#connection ??= connect(this.#path));
  }

  #disconnect(): void {
    this.#statements.clear();
    this.#connection?.close();
    this.#connection = undefined;
  }
}

/** A renewal that a power loss undoes has lost its holder too: nothing is synced. */
function connect(path: string): Connection {
  const connection = loadDriver().open(path);
  connection.exec(`
    PRAGMA busy_timeout = ${BLOCKING_WAIT_MS};
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -${CACHE_KIB};
  `);
  return connection;
}

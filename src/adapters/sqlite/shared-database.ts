import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Abortable } from "../../util/abortable.ts";
import { uptimeOf, type Clock } from "../../util/clock.ts";
import { ChangeFeed } from "./change-feed.ts";
import { loadDriver, type Connection, type Statement } from "./driver.ts";
import { isBusy } from "./failure.ts";
import { migrate } from "./schema.ts";

/** How long SQLite itself waits for another process's lock, in milliseconds: this thread does nothing else meanwhile, so it is short. */
const BLOCKING_WAIT_MS = 20;
/** How long we try again after that, pausing so long in between. */
const LOCK_TIMEOUT_MS = 10_000;
const LOCK_PAUSE_MS = 5;
/** How often an open file is compared with the one at its path, in milliseconds. */
const CURRENT_INTERVAL_MS = 1_000;
/** Of a new file: a message takes about 900, and every page that a commit changes costs it two calls of the system. */
const PAGE_BYTES = 8_192;
/** Of SQLite's own memory for pages, in KiB. */
const CACHE_KIB = 4_096;
/** The log keeps at most this size once it has been emptied, in bytes. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * `durable` commits survive a power loss. The others survive the death of the process, and a power loss as soon as any later durable one
 * does; until then it may undo them, the latest first. `relaxed` is for what is repeated anyway, as taking and acknowledging is;
 * `crash-safe` for what is not, so that it never goes to a file that was replaced.
 */
export type Durability = "durable" | "crash-safe" | "relaxed";

/** Statements by their text, each prepared once per connection. */
export type Sql = <Row>(text: string) => Statement<Row>;

export interface OpenOptions {
  readonly path: string;
  readonly clock: Clock;
  /** As `ChangeFeedOptions` has it. */
  readonly lookMs?: number | undefined;
  /** Called when the file turns out to be replaced. */
  readonly release: () => void;
}

/** The one connection that this process has to a file, shared by all who use it with the same clock. */
export class SharedDatabase implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #release: () => void;
  readonly #statements = new Map<string, Statement<unknown>>();
  readonly #inode: number;
  readonly #closed = new AbortController();
  readonly #changes: ChangeFeed;
  #synchronous: "FULL" | "NORMAL" | undefined;
  #currentAt = 0;

  constructor(connection: Connection, { path, clock, lookMs, release }: OpenOptions) {
    this.#connection = connection;
    this.#path = path;
    this.#clock = clock;
    this.#release = release;
    this.#inode = statSync(path).ino;
    const dataVersion = (): number => this.#dataVersion();
    this.#changes = new ChangeFeed({ clock, walPath: `${path}-wal`, lookMs, dataVersion });
  }

  /** Aborted when it is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get changes(): ChangeFeed {
    this.#assertOpen();
    return this.#changes;
  }

  /** Runs `queries` outside of any transaction: each sees the file as it is by then. */
  read<T>(queries: (sql: Sql) => T): T {
    this.#assertOpen();
    return queries(this.#sql);
  }

  /**
   * Runs `work`, which must not wait, with the file's write lock held; takes all of it back when it throws. Tries for 10 s to get the lock,
   * unless aborted.
   */
  async transaction<T>(durability: Durability, work: (sql: Sql) => T, { signal }: Abortable = {}): Promise<T> {
    return whenUnlocked(this.#clock, () => {
      signal?.throwIfAborted();
      return this.#runTransaction(durability, work);
    });
  }

  /** Gives unused pages back to the file system, `pages` of them at most. */
  shrink(pages: number): void {
    this.#assertOpen();
    this.#connection.exec(`PRAGMA incremental_vacuum(${pages})`);
  }

  /**
   * Whether the file is still the one at its path. If not, what is written here no other process will ever read: it is closed, and all who
   * use it meet FileReplacedError.
   */
  isCurrent(): boolean {
    if (this.closed.aborted) return false;
    const stats = statSync(this.#path, { throwIfNoEntry: false });
    this.#currentAt = this.#clock.now();
    if (stats?.ino === this.#inode) return true;
    this.#release();
    this.#close();
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }

  #close(): void {
    if (this.closed.aborted) return;
    this.#closed.abort();
    this.#changes[Symbol.dispose]();
    this.#connection.close();
  }

  #runTransaction<T>(durability: Durability, work: (sql: Sql) => T): T {
    this.#assertOpen();
    if (durability !== "relaxed") this.#assertCurrent();
    this.#setSynchronous(durability === "durable" ? "FULL" : "NORMAL");
    this.#sql("BEGIN IMMEDIATE").run();
    try {
      const result = work(this.#sql);
      this.#sql("COMMIT").run();
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** In WAL mode FULL syncs the log with every commit, NORMAL with checkpoints only. Switching costs 0.5 µs. */
  #setSynchronous(synchronous: "FULL" | "NORMAL"): void {
    if (this.#synchronous === synchronous) return;
    this.#connection.exec(`PRAGMA synchronous = ${synchronous}`);
    this.#synchronous = synchronous;
  }

  #rollBack(): void {
    try {
      this.#sql("ROLLBACK").run();
    } catch {
      // SQLite has ended the transaction already, as it does when the disk is full.
    }
  }

  readonly #sql: Sql = <Row>(text: string): Statement<Row> => {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#connection.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement as Statement<Row>;
  };

  #dataVersion(): number {
    this.#assertOpen();
    if (this.#clock.now() - this.#currentAt >= CURRENT_INTERVAL_MS) this.#assertCurrent();
    return this.#sql<{ data_version: number }>("PRAGMA data_version").get()?.data_version ?? 0;
  }

  #assertOpen(): void {
    if (this.closed.aborted) throw new FileReplacedError();
  }

  #assertCurrent(): void {
    if (!this.isCurrent()) throw new FileReplacedError();
  }
}

/** The file was removed or replaced while it was open. */
export class FileReplacedError extends Error {
  constructor() {
    super(
      "the file was removed or replaced while it was open. It is opened anew, and made anew if need be, at the next use.",
    );
    this.name = "FileReplacedError";
  }
}

/** Opens the file, creating it when it is missing, and brings its schema up to date. */
export async function openSharedDatabase(options: OpenOptions): Promise<SharedDatabase> {
  const driver = loadDriver();
  return whenUnlocked(options.clock, () => {
    const connection = driver.open(options.path);
    try {
      configure(connection);
      migrate(connection);
      return new SharedDatabase(connection, options);
    } catch (error) {
      connection.close();
      throw error;
    }
  });
}

/** `page_size` and `auto_vacuum` count only before anything is written to a new file, so they come first. */
function configure(connection: Connection): void {
  connection.exec(`
    PRAGMA busy_timeout = ${BLOCKING_WAIT_MS};
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA journal_size_limit = ${LOG_LIMIT_BYTES};
    PRAGMA cache_size = -${CACHE_KIB};
  `);
}

/** The outcome of `attempt`, which is made again while another process holds the file's lock, for 10 s. */
async function whenUnlocked<T>(clock: Clock, attempt: () => T): Promise<T> {
  const deadline = uptimeOf(clock) + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || uptimeOf(clock) >= deadline) throw error;
    }
    await clock.sleep(LOCK_PAUSE_MS);
  }
}

/** The same for all names of one file. Throws when its directory does not exist. */
export function canonicalPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return join(realpathSync(dirname(path)), basename(path));
  }
}

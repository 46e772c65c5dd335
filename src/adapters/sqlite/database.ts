import { dirname } from "node:path";
import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import type { Abortable } from "../../util/abortable.ts";
import type { Clock } from "../../util/clock.ts";
import { toError } from "../../util/errors.ts";
import { untilAborted } from "../../util/until-aborted.ts";
import type { ChangeFeed } from "./change-feed.ts";
import { explainFailure } from "./failure.ts";
import { acquireFile, type Hold } from "./open-files.ts";
import { SchemaError } from "./schema.ts";
import { FileReplacedError, type Durability, type SharedDatabase, type Sql } from "./shared-database.ts";

export interface DatabaseOptions {
  /** Absolute. */
  readonly path: string;
  readonly clock: Clock;
  /** As `ChangeFeedOptions` has it. */
  readonly lookMs?: number | undefined;
  /** What durable commits are here. @default "durable" */
  readonly durable?: Exclude<Durability, "relaxed">;
  /** Makes the error that the user of this database owes its callers. */
  readonly unavailable: (detail: string, options: { readonly cause?: unknown }) => Error;
}

/**
 * One user's hold on a file: opened at first use, and anew when the file was replaced. The connection behind it is shared with all others
 * in this process who have the same file and clock. Whatever is wrong with the file rejects with the user's own error.
 */
export class Database implements AsyncDisposable {
  readonly #options: DatabaseOptions;
  readonly #siblings: Database[] = [];
  #hold: Promise<Hold> | undefined;
  #shared: SharedDatabase | undefined;
  #isClosed = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /** Absolute. */
  get path(): string {
    return this.#options.path;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Another hold on the same file, with the same errors; disposed with this one. Each finds out for itself that the file was replaced. */
  sibling(): Database {
    const sibling = new Database(this.#options);
    this.#siblings.push(sibling);
    return sibling;
  }

  /** Whether `Symbol.asyncDispose` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Opens the file, and anew if another has taken its place. */
  async open(options: Abortable = {}): Promise<void> {
    if (this.#shared?.isCurrent() === false) this.#letGo(this.#shared);
    await untilAborted(
      this.#use(() => undefined),
      options.signal,
    );
  }

  /** `queries` run outside of any transaction. */
  read<T>(queries: (sql: Sql) => T): Promise<T> {
    return this.#use((shared) => shared.read(queries));
  }

  /** `work` runs with the write lock held, and counts for nothing when it throws. Aborted before that, it does not run. */
  transaction<T>(durability: Durability, work: (sql: Sql) => T, options: Abortable = {}): Promise<T> {
    const asked = durability === "durable" ? (this.#options.durable ?? "durable") : durability;
    return this.#use((shared) => shared.transaction(asked, work, options));
  }

  changes(): Promise<ChangeFeed> {
    return this.#use((shared) => shared.changes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const sibling of this.#siblings) await sibling[Symbol.asyncDispose]();
    const hold = this.#hold;
    this.#hold = undefined;
    this.#shared = undefined;
    // It could not be opened: there is nothing to close.
    await hold?.then(
      (held) => held.release(),
      () => undefined,
    );
  }

  async #use<T>(work: (shared: SharedDatabase) => T | Promise<T>): Promise<T> {
    let shared: SharedDatabase | undefined;
    try {
      shared = this.#shared ?? (await this.#acquire());
      return await work(shared);
    } catch (error) {
      if (error instanceof FileReplacedError) this.#letGo(shared);
      throw this.#explained(error);
    }
  }

  async #acquire(): Promise<SharedDatabase> {
    if (this.#isClosed) throw new Error("closed");
    const hold = (this.#hold ??= acquireFile(this.#options));
    try {
      const { shared } = await hold;
      // It may have been disposed meanwhile.
      if (this.#hold === hold) this.#shared = shared;
      return shared;
    } catch (error) {
      if (this.#hold === hold) this.#hold = undefined;
      throw error;
    }
  }

  /** The file that was open has closed itself; what was opened since stays. */
  #letGo(replaced: SharedDatabase | undefined): void {
    if (this.#shared !== replaced) return;
    this.#hold = undefined;
    this.#shared = undefined;
  }

  #explained(error: unknown): unknown {
    const detail = this.#isClosed ? "it was closed in this process." : detailOf(error, this.#options.path);
    return detail === undefined ? error : this.#options.unavailable(detail, { cause: error });
  }
}

/** For batchers: whether an error may be the fault of one row, and not the file's. */
export function isRefusal(error: unknown): boolean {
  return !(error instanceof BrokerUnavailableError) && !(error instanceof ResultBackendUnavailableError);
}

function detailOf(error: unknown, path: string): string | undefined {
  if (error instanceof FileReplacedError || error instanceof SchemaError) return error.message;
  if ((error as { code?: unknown } | undefined)?.code === "ENOENT") {
    return `the directory ${dirname(path)} does not exist. Create it.`;
  }
  const failure = explainFailure(error);
  return failure === undefined ? undefined : `${failure.detail} (${toError(error).message})`;
}

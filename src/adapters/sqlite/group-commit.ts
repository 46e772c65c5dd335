import { endOfTurn } from "../../util/end-of-turn.ts";
import { isRefusal, type Database } from "./database.ts";
import type { Sql } from "./shared-database.ts";

/**
 * Work that need not survive a power loss, in as few transactions as may be: one for all of a turn of the event loop, and for all that comes
 * while the file is locked. Each member has an outcome of its own; one that throws takes back what it did, and nothing else.
 */
export class GroupCommit {
  readonly #database: Database;
  #waiting: Member[] = [];
  #isCommitting = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** `work` runs with the write lock held, and may run once more after it was taken back. */
  add<T>(work: (sql: Sql) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as Member["resolve"], reject });
      if (!this.#isCommitting) void this.#commitAll(); // never rejects
    });
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    while (this.#waiting.length > 0) {
      await endOfTurn();
      await this.#commit(() => this.#waiting.splice(0));
    }
    this.#isCommitting = false;
  }

  /** `join` gives those who have come by the time that the file is locked. */
  async #commit(join: () => readonly Member[]): Promise<void> {
    const group: Member[] = [];
    let results: readonly unknown[];
    try {
      results = await this.#database.transaction("relaxed", (sql) => {
        group.push(...join());
        return group.map(({ work }) => work(sql));
      });
    } catch (error) {
      group.push(...join());
      if (group.length > 1 && isRefusal(error)) await this.#commitOneByOne(group);
      else for (const { reject } of group) reject(error);
      return;
    }
    for (const [index, { resolve }] of group.entries()) resolve(results[index]);
  }

  async #commitOneByOne(group: readonly Member[]): Promise<void> {
    for (const member of group) {
      const left = [member];
      await this.#commit(() => left.splice(0));
    }
  }
}

interface Member {
  readonly work: (sql: Sql) => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

import { Worker } from "node:worker_threads";
import { atMost } from "../../util/at-most.ts";
import { exponentialBackoff } from "../../util/backoff.ts";
import { systemClock as clock } from "../../util/clock.ts";
import { deferred, type Deferred } from "../../util/deferred.ts";
import { toError } from "../../util/errors.ts";
import { siblingModule } from "../../util/sibling-module.ts";
import { threadEnd } from "../../util/thread-end.ts";
import { threadOptions } from "../../util/thread-options.ts";
import type { TableMemory } from "./lease-table.ts";
import { DROP_MS, type FromThread, type ToThread } from "./renewal-messages.ts";
import type { RenewerSource } from "./renewer.ts";

const PROGRAM = siblingModule("./renewal-program", import.meta.url);

/** It holds a connection and a few numbers: V8 shall not reserve for more. In MiB. */
const LIMITS = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

/** Before a thread that has ended is replaced. */
const RESTART = { baseMs: 500, maxMs: 60_000, jitter: false } as const;

/** A table for the thread to keep. */
export interface ThreadTable {
  readonly memory: TableMemory;
  readonly source: RenewerSource;
  /** From each renewal, in milliseconds. */
  readonly leaseMs: number;
  readonly intervalMs: number;
  /** Some of what stood in the table was found to be lost: it says so itself. */
  readonly onLost: () => void;
  /** It renews this table no longer; it tries again by itself. */
  readonly onFailed: (error: string) => void;
}

export interface ThreadTableHandle {
  /** The table has grown into new memory. */
  move(memory: TableMemory): void;
  /** Resolves once the thread has let go of it, or cannot. To be called once. */
  drop(): Promise<void>;
}

/**
 * The one thread of this process that renews what others hold, on time while the event loop is blocked. It lives as long as there are tables
 * for it, keeps no process alive, and is replaced when it ends by itself.
 */
class RenewalThread {
  readonly #tables = new Map<number, ThreadTable>();
  /** Resolved when the thread has let go of the table. */
  readonly #dropping = new Map<number, Deferred<void>>();
  #worker: Worker | undefined;
  #lastTable = 0;
  #failures = 0;

  keep(table: ThreadTable): ThreadTableHandle {
    const id = ++this.#lastTable;
    this.#tables.set(id, table);
    if (this.#worker === undefined && this.#failures === 0) this.#start();
    else this.#tellOf(id, table);
    return {
      move: (memory) => {
        this.#tables.set(id, { ...table, memory });
        this.#tellOf(id, { ...table, memory });
      },
      drop: () => this.#drop(id),
    };
  }

  async #drop(id: number): Promise<void> {
    const worker = this.#worker;
    this.#tables.delete(id);
    const isLast = this.#tables.size === 0;
    if (isLast) {
      this.#worker = undefined;
      this.#failures = 0;
    }
    if (worker === undefined) return;
    const order: ToThread = { kind: "drop", table: id };
    worker.postMessage(order);
    if (isLast) {
      await threadEnd(worker, DROP_MS, clock);
      return;
    }
    const dropped = deferred();
    this.#dropping.set(id, dropped);
    await atMost(DROP_MS, dropped.promise, clock);
    this.#dropping.delete(id);
  }

  #start(): void {
    try {
      this.#worker = this.#open();
    } catch (error) {
      // Such as for want of a permission, or of memory.
      void this.#replace(toError(error).message);
    }
    for (const [id, table] of this.#tables) this.#tellOf(id, table);
  }

  #open(): Worker {
    const worker = new Worker(PROGRAM, threadOptions(PROGRAM, "leases", LIMITS));
    worker.unref();
    let failure = "it ended by itself";
    worker.on("message", (news: FromThread) => this.#hear(news));
    worker.on("error", (error) => (failure = toError(error).message));
    worker.on("exit", () => {
      if (this.#worker === worker) void this.#replace(failure);
    });
    return worker;
  }

  async #replace(failure: string): Promise<void> {
    this.#worker = undefined;
    for (const { onFailed } of this.#tables.values()) onFailed(failure);
    await clock.sleep(exponentialBackoff(this.#failures++, RESTART), { ref: false });
    this.#startAgain();
  }

  /** Unless all who held have gone meanwhile, or somebody came for whom it was started. */
  #startAgain(): void {
    if (this.#worker === undefined && this.#tables.size > 0) this.#start();
  }

  #hear(news: FromThread): void {
    if (news.kind === "dropped") this.#dropping.get(news.table)?.resolve();
    else if (news.kind === "lost") this.#tables.get(news.table)?.onLost();
    else this.#tables.get(news.table)?.onFailed(news.error);
  }

  #tellOf(id: number, { memory, source, leaseMs, intervalMs }: ThreadTable): void {
    const order: ToThread = { kind: "keep", table: id, memory, source, leaseMs, intervalMs };
    this.#worker?.postMessage(order);
  }
}

export const renewalThread: RenewalThread = new RenewalThread();

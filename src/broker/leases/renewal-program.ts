/** The program of the thread that renews: keeps the tables it is told of, each with a renewer of its own, and ends when it has none left. */
import { parentPort } from "node:worker_threads";
import { atMost } from "../../util/at-most.ts";
import { ClockLeap } from "../../util/clock-leap.ts";
import { systemClock as clock, uptimeOf } from "../../util/clock.ts";
import { endOfTurn } from "../../util/end-of-turn.ts";
import { toError } from "../../util/errors.ts";
import { isFresh, renewTable, TableView } from "./lease-table.ts";
import { DROP_MS, type FromThread, type ToThread } from "./renewal-messages.ts";
import type { OpenRenewer, Renewer, RenewerSource } from "./renewer.ts";

/** How long it may take until a renewer is there, in milliseconds: most of what a thread needs in memory and time is its driver. */
const OPENING_MS = 1_000;
/** After a renewal that failed, in milliseconds. */
const RETRY_MS = 200;
/** How often it is looked at whether the system's time has leapt, in milliseconds: if so, leases seem to have run out and are renewed at once. */
const LOOK_MS = 1_000;

type Order = Extract<ToThread, { readonly kind: "keep" }>;

class Keeping {
  readonly #order: Order;
  readonly #ended = new AbortController();
  readonly #kept: Promise<void>;
  #view: TableView;
  #renewer: Renewer | undefined;

  constructor(order: Order) {
    this.#order = order;
    this.#view = new TableView(order.memory);
    this.#kept = this.#keep();
  }

  move({ memory }: Order): void {
    this.#view = new TableView(memory);
  }

  /** Resolves once nothing is open any longer. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#kept;
  }

  async #keep(): Promise<void> {
    const { table, intervalMs } = this.#order;
    const leap = new ClockLeap(clock);
    let hasFailed = false;
    // The table may have grown while this thread began. What was held first a moment ago needs no renewer yet.
    await endOfTurn();
    const isFirst = isFresh(this.#view, clock.now() - OPENING_MS);
    if (isFirst) await this.#rest(Math.max(0, intervalMs - OPENING_MS), leap);
    while (!this.#ended.signal.aborted) {
      const error = await this.#renew();
      if (error !== undefined && !hasFailed) tell({ kind: "failed", table, error });
      hasFailed = error !== undefined;
      await this.#rest(hasFailed ? RETRY_MS : intervalMs, leap);
    }
    // What cannot be closed goes with the thread.
    await this.#renewer?.close().catch(() => undefined);
  }

  /** Resolves with what was wrong. */
  async #renew(): Promise<string | undefined> {
    const { table, source, leaseMs } = this.#order;
    try {
      const renewer = (this.#renewer ??= await open(source));
      const view = this.#view;
      const at = clock.now();
      const lost = await renewTable(
        view,
        (receipts) => renewer.renew(receipts, leaseMs),
        () => clock.now(),
      );
      view.lastRound = at;
      if (lost > 0) tell({ kind: "lost", table });
      return undefined;
    } catch (error) {
      return toError(error).message;
    }
  }

  async #rest(ms: number, leap: ClockLeap): Promise<void> {
    const { signal } = this.#ended;
    const end = uptimeOf(clock) + ms;
    do {
      const left = Math.max(end - uptimeOf(clock), 0);
      await clock.sleep(Math.min(left, LOOK_MS), { signal }).catch(() => undefined);
    } while (!signal.aborted && uptimeOf(clock) < end && leap.look() === 0);
  }
}

const keepings = new Map<number, Keeping>();

function obey(order: ToThread): void {
  if (order.kind === "drop") void drop(order.table);
  else if (keepings.has(order.table)) keepings.get(order.table)?.move(order);
  else keepings.set(order.table, new Keeping(order));
}

async function drop(table: number): Promise<void> {
  const ending = keepings.get(table)?.end();
  if (ending !== undefined) await atMost(DROP_MS, ending, clock);
  keepings.delete(table);
  tell({ kind: "dropped", table });
  if (keepings.size === 0) process.exit(); // this thread: what cannot be closed goes with it
}

async function open({ module, data }: RenewerSource): Promise<Renewer> {
  const { openRenewer } = (await import(module)) as { readonly openRenewer: OpenRenewer };
  return openRenewer(data);
}

function tell(news: FromThread): void {
  parentPort?.postMessage(news);
}

parentPort?.on("message", obey);

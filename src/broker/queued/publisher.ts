import { queuesFor } from "../../routing/route-table.ts";
import type { Route } from "../../routing/topology.ts";
import type { Abortable } from "../../util/abortable.ts";
import { Batcher } from "../../util/batcher.ts";
import { isOver, onceOver } from "../../util/ending.ts";
import type { Publication } from "../broker.ts";
import { UnroutableError } from "../errors.ts";
import type { MessageStore, PushItem, StoredExchange } from "./message-store.ts";
import { isRefusal, type StoreConnection } from "./store-connection.ts";

/** With so many calls a store that is elsewhere is sent on its way, while the rest of the turn's calls are made. */
const CALLS_AT_ONCE = 50;

/**
 * Routes and pushes: all calls of one turn of the event loop in one push, or in parts of 50 to a store that is elsewhere, each with an outcome of its own.
 * Nothing is cached from one push to the next: other processes declare and remove queues too. Pushes stay in order, but for one that met a missing queue and is
 * made again: parts that were sent after it may be there before it.
 */
export class Publisher {
  readonly #check: (publications: readonly Publication[]) => void;
  /** Whether a push need not wait for the one before it: until a call has to look for its queues first, which others would overtake. */
  #maySendAhead: boolean;
  readonly #calls: Batcher<Call, UnroutableError | Holders>;

  /** `check` throws for what may not be published. */
  constructor(connection: StoreConnection, check: (publications: readonly Publication[]) => void) {
    this.#check = check;
    this.#maySendAhead = connection.isRemote;
    this.#calls = new Batcher((calls) => connection.run((store) => pushAll(store, calls)), { isolates: isRefusal });
  }

  /** As `Broker.publish`. Aborted before the store writes, nothing is published; after that, it is not known. */
  publish(publications: readonly Publication[], until: Abortable): Promise<Holders> {
    return new Promise((resolve, reject) => {
      this.#check(publications);
      if (isOver(until)) throw until.signal?.reason;
      const forget = onceOver(until, reject);
      const answer = (outcome: UnroutableError | Holders): void => {
        forget();
        if (outcome instanceof UnroutableError) reject(outcome);
        else resolve(outcome);
      };
      const fail = (error: unknown): void => {
        forget();
        reject(error);
      };
      this.#calls.submit({ publications, until }, answer, fail);
      this.#maySendAhead &&= publications.every(({ route }) => route.exchange === "");
      if (this.#maySendAhead && this.#calls.size >= CALLS_AT_ONCE) this.#calls.flush();
    });
  }

  /** Resolves once nothing is under way. */
  idle(): Promise<void> {
    return this.#calls.idle();
  }
}

interface Call {
  readonly publications: readonly Publication[];
  readonly until: Abortable;
}

/** For each publication the correlation id of the message that holds its unique key; undefined where it was published. */
type Holders = readonly (string | undefined)[];

/** Queues are taken to exist until a push says otherwise: one round trip where all is well. */
async function pushAll(store: MessageStore, calls: readonly Call[]): Promise<readonly (UnroutableError | Holders)[]> {
  const missing = new Set<string>();
  for (;;) {
    const exchanges = await loadExchanges(store, calls);
    const routed = calls.map((call) => routeCall(call, { exchanges, missing, maxDelayMs: store.features.maxDelayMs }));
    const items = routed.flatMap((outcome) => outcome.items);
    const pushed = items.length === 0 ? [] : await tryPush(store, items);
    if (!(pushed instanceof UnroutableError)) return outcomesOf(routed, pushed);
    missing.add(pushed.routingKey);
    const queues = items.flatMap((item) => item.queues);
    const existing = await store.existing(queues);
    for (const queue of queues) if (!existing.has(queue)) missing.add(queue);
  }
}

/** Deals what the store has said of all items out to the calls that they came from. */
function outcomesOf(routed: readonly RoutedCall[], holders: Holders): readonly (UnroutableError | Holders)[] {
  let start = 0;
  return routed.map(({ unroutable, items }) => unroutable ?? holders.slice(start, (start += items.length)));
}

async function loadExchanges(
  store: MessageStore,
  calls: readonly Call[],
): Promise<ReadonlyMap<string, StoredExchange>> {
  const names = new Set<string>();
  for (const { publications } of calls) {
    for (const { route } of publications) if (route.exchange !== "") names.add(route.exchange);
  }
  const exchanges = new Map<string, StoredExchange>();
  await Promise.all(
    [...names].map(async (name) => {
      const exchange = await store.exchange(name);
      if (exchange !== undefined) exchanges.set(name, exchange);
    }),
  );
  return exchanges;
}

/** The error that says that a queue does not exist, as a value. */
async function tryPush(store: MessageStore, items: readonly PushItem[]): Promise<UnroutableError | Holders> {
  try {
    return await store.push(items);
  } catch (error) {
    if (error instanceof UnroutableError) return error;
    throw error;
  }
}

interface RoutingTable {
  readonly exchanges: ReadonlyMap<string, StoredExchange>;
  readonly missing: ReadonlySet<string>;
  readonly maxDelayMs: number;
}

interface RoutedCall {
  readonly items: readonly PushItem[];
  readonly unroutable?: UnroutableError;
}

/** All of a call or nothing of it; an aborted call has been answered already. */
function routeCall(call: Call, table: RoutingTable): RoutedCall {
  const isGivenUp = (): boolean => isOver(call.until);
  if (isGivenUp()) return { items: [] };
  const items: PushItem[] = [];
  for (const { message, route, delayMs = 0, unique } of call.publications) {
    const queues = queuesOf(route, table);
    if (queues.length === 0) return { items: [], unroutable: new UnroutableError(route.exchange, route.routingKey) };
    items.push({ queues, message, delayMs: Math.min(delayMs, table.maxDelayMs), unique, isGivenUp });
  }
  return { items };
}

function queuesOf({ exchange, routingKey }: Route, { exchanges, missing }: RoutingTable): readonly string[] {
  if (exchange === "") return missing.has(routingKey) ? [] : [routingKey];
  const stored = exchanges.get(exchange);
  if (stored === undefined) return [];
  return queuesFor(stored.type, stored.bindings, routingKey).filter((queue) => !missing.has(queue));
}

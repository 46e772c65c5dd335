import { MemoryStore } from "../../src/adapters/memory/memory-store.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import type { MessageStore } from "../../src/broker/queued/message-store.ts";
import type { Clock } from "../../src/util/clock.ts";

export interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A store in memory that writes down every call, and fails while it is told to. */
export interface RecordingStore {
  readonly store: MessageStore;
  readonly calls: readonly Call[];
  /** The arguments of each call of one method. */
  callsOf(method: keyof MessageStore): readonly (readonly unknown[])[];
  /** Every method but disposing, or those named, reject with `error` until `heal`. */
  fail(error?: Error, methods?: readonly (keyof MessageStore)[]): void;
  heal(): void;
}

const AWAY: Error = new BrokerUnavailableError("memory:", "it is away.");

export function recordingStore(clock: Clock, overrides: Partial<MessageStore> = {}): RecordingStore {
  const memory = new MemoryStore({ clock });
  const calls: Call[] = [];
  let failure: { readonly error: Error; readonly methods: readonly PropertyKey[] | undefined } | undefined;
  const store = new Proxy<MessageStore>(memory, {
    get(target, property) {
      const value: unknown = Reflect.get({ ...overrides }, property) ?? Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        calls.push({ method: String(property), args });
        if (failure !== undefined && (failure.methods?.includes(property) ?? property !== Symbol.asyncDispose))
          throw failure.error;
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  return {
    store,
    calls,
    callsOf: (method) => calls.filter((call) => call.method === String(method)).map((call) => call.args),
    fail: (error = AWAY, methods) => (failure = { error, methods }),
    heal: () => (failure = undefined),
  };
}

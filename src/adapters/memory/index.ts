import { QueuedBroker } from "../../broker/queued/queued-broker.ts";
import type { Clock } from "../../util/clock.ts";
import type { Adapter } from "../adapter.ts";
import { MemoryBackend } from "./memory-backend.ts";
import { MemoryBroadcaster } from "./memory-broadcaster.ts";
import { MemoryKeyStore, type MemoryClaims } from "./memory-keys.ts";
import { MemoryQueues } from "./memory-queues.ts";
import { MemoryResults } from "./memory-results.ts";
import { MemoryStore } from "./memory-store.ts";

/** Broker, results and keys in this process's memory, gone with it: for tests and examples. Apps that are given the same one share them. */
export function memory(): Required<Adapter> {
  const broadcaster = new MemoryBroadcaster();
  const claims: MemoryClaims = new Map();
  let queues: MemoryQueues | undefined;
  let results: MemoryResults | undefined;
  const queuesOn = (clock: Clock): MemoryQueues => (queues ??= new MemoryQueues(clock));
  const resultsOn = (clock: Clock): MemoryResults => (results ??= new MemoryResults(clock));
  return {
    sendsResults: false,
    url: "memory:",
    createBroker: ({ clock, log, leaseMs }) => {
      const store = new MemoryStore({ clock, queues: queuesOn(clock) });
      return new QueuedBroker({ store, broadcaster, clock, log, leaseMs });
    },
    createResultBackend: ({ clock, resultExpiresMs }) =>
      new MemoryBackend({ clock, resultExpiresMs, results: resultsOn(clock) }),
    createKeyStore: ({ clock }) => new MemoryKeyStore({ clock, claims }),
  };
}

/** A renewer for tests of the thread that renews: it counts, and fails as it is told to. */
import { threadId } from "node:worker_threads";
import type { OpenRenewer } from "../../src/broker/leases/renewer.ts";

/** Numbers in shared memory, by their index. */
export const RENEWALS = 0;
export const CLOSED = 1;
/** Of the thread that renewed last. */
export const THREAD = 2;
/** What the next renewals do: 0 succeed, 1 fail, 2 end the thread once, 3 find everything lost. */
export const MODE = 3;

export function countersFor(mode = 0): Int32Array {
  const counters = new Int32Array(new SharedArrayBuffer(16));
  counters[MODE] = mode;
  return counters;
}

export const openRenewer: OpenRenewer = (data) => {
  const counters = data as Int32Array;
  return {
    renew: async (receipts) => {
      const mode = Atomics.load(counters, MODE);
      if (mode === 1) throw new Error("told to fail");
      if (mode === 2) {
        Atomics.store(counters, MODE, 0);
        process.exit(1);
      }
      Atomics.add(counters, RENEWALS, receipts.length);
      Atomics.store(counters, THREAD, threadId);
      return mode === 3 ? receipts : [];
    },
    close: async () => void Atomics.add(counters, CLOSED, 1),
  };
};

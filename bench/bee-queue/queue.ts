import BeeQueue from "bee-queue";

/** Of a producer that wants to hear nothing of its jobs unless it is said otherwise. */
export function openQueue(port: number, settings: BeeQueue.QueueSettings = {}): BeeQueue<string> {
  return new BeeQueue("bench", {
    redis: { host: "127.0.0.1", port },
    isWorker: false,
    getEvents: false,
    storeJobs: false,
    ...settings,
  });
}

import { loadavg, type } from "node:os";
import type { WorkerFields } from "../events/event.ts";
import { packageVersion } from "../util/package-version.ts";

/** As Python's `platform.system()` has it. */
const SYSTEM = type() === "Windows_NT" ? "Windows" : type();
const VERSION = packageVersion();

export interface WorkerCounts {
  /** Between heartbeats, in milliseconds. */
  readonly intervalMs: number;
  /** Tasks that run. */
  readonly active: number;
  /** Tasks that were begun so far. */
  readonly processed: number;
}

/** What a worker says of itself in its events. */
export function workerFields({ intervalMs, active, processed }: WorkerCounts): WorkerFields {
  return {
    freq: intervalMs / 1000,
    active,
    processed,
    loadavg: loadavg().map((load) => Math.round(load * 100) / 100),
    sw_ident: "celeriac",
    sw_ver: VERSION,
    sw_sys: SYSTEM,
  };
}

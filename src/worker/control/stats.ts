import { shown } from "../../app/show-value.ts";
import type { Dict } from "../../message/fields.ts";
import type { OpenParts } from "../parts.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

/** A worker's figures under Celery's names; monitors count on `broker`, `pool` and `total`. Celery: `celery/worker/worker.py:WorkController.stats`. */
export function stats(worker: ControlledWorker, { lamport, totals }: OpenParts): Dict {
  const { app, startedAt, poolName, autoscaler } = worker;
  const size = worker.size();
  return {
    total: Object.fromEntries(totals.byTask),
    pid: process.pid,
    clock: String(lamport.value),
    uptime: Math.floor((app.clock.now() - startedAt) / 1000),
    pool: {
      implementation: `celeriac:${poolName}`,
      "max-concurrency": size,
      processes: [process.pid],
      "max-tasks-per-child": app.config.workerMaxTasksPerChild ?? "N/A",
      "put-guarded-by-semaphore": true,
      timeouts: [app.config.taskSoftTimeLimit ?? 0, app.config.taskTimeLimit ?? 0],
      writes: "N/A",
    },
    broker: brokerInfo(String(shown(app.config.broker))),
    prefetch_count: size,
    ...(autoscaler === undefined ? {} : { autoscaler: autoscaler.info }),
    rusage: resourceUsage(),
  };
}

/** A broker's URL taken apart, its password left out. Kombu: `kombu/connection.py:Connection._info`. */
function brokerInfo(url: string): Dict {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const transport = parsed?.protocol.replace(/:$/, "") ?? url.split(":")[0] ?? "";
  return {
    hostname: parsed === null || parsed.hostname === "" ? url : parsed.hostname,
    userid: parsed === null || parsed.username === "" ? null : parsed.username,
    virtual_host: parsed === null ? "/" : parsed.pathname.replace(/^\//, "") || "/",
    port: parsed === null || parsed.port === "" ? null : Number(parsed.port),
    insist: false,
    ssl: transport === "rediss",
    transport,
    connect_timeout: 5,
    transport_options: {},
    login_method: null,
    uri_prefix: null,
    heartbeat: 0,
    failover_strategy: "round-robin",
    alternates: [],
  };
}

/** In seconds and kibibytes, as Python's `resource.getrusage` has it. */
function resourceUsage(): Dict {
  const usage = process.resourceUsage();
  return {
    utime: usage.userCPUTime / 1e6,
    stime: usage.systemCPUTime / 1e6,
    maxrss: usage.maxRSS,
    ixrss: usage.sharedMemorySize,
    idrss: usage.unsharedDataSize,
    isrss: usage.unsharedStackSize,
    minflt: usage.minorPageFault,
    majflt: usage.majorPageFault,
    nswap: usage.swappedOut,
    inblock: usage.fsRead,
    oublock: usage.fsWrite,
    msgsnd: usage.ipcSent,
    msgrcv: usage.ipcReceived,
    nsignals: usage.signalsCount,
    nvcsw: usage.voluntaryContextSwitches,
    nivcsw: usage.involuntaryContextSwitches,
  };
}

import type { Command } from "commander";
import type { AutoscaleOptions } from "../../worker/autoscaler.ts";
import type { HealthOptions } from "../../worker/options.ts";
import { Worker } from "../../worker/worker.ts";
import { banner, summarize } from "../banner.ts";
import { UsageError } from "../errors.ts";
import { EXIT_CODES_HELP } from "../exit-codes.ts";
import type { GlobalOptions } from "../global-options.ts";
import { importTasksOf } from "../import-tasks.ts";
import { expandNodeName } from "../node-name.ts";
import { autoscaleRange, durationMs, nameList, portNumber } from "../option-values.ts";
import { remark } from "../output.ts";
import { isTypeScript, TYPESCRIPT_PRELOAD } from "../typescript.ts";
import { packageVersion } from "../../util/package-version.ts";
import { withApp, type OpenApp } from "../with-app.ts";
import { runGenerations, wearsOut } from "../worker/generations.ts";
import type { ParentLink } from "../worker/parent-link.ts";
import { runUntilStopped } from "../worker/run-until-stopped.ts";
import { StopOrders, takeOrdersFromSignals } from "../worker/stop-orders.ts";

interface WorkerCommandOptions extends GlobalOptions {
  readonly queues?: readonly string[];
  readonly concurrency?: string;
  readonly autoscale?: AutoscaleOptions;
  readonly pool?: string;
  readonly hostname?: string;
  readonly include?: readonly string[];
  readonly maxTasksPerChild?: string;
  readonly maxMemoryPerChild?: string;
  readonly timeLimit?: string;
  readonly softTimeLimit?: string;
  readonly taskEvents?: boolean;
  readonly withoutHeartbeat?: boolean;
  readonly heartbeatInterval?: string;
  readonly withoutMingle?: boolean;
  readonly withoutGossip?: boolean;
  readonly withoutLivenessThread?: boolean;
  readonly healthPort?: number;
  readonly healthHost?: string;
  /** Milliseconds. */
  readonly healthPatience?: number;
  /** Milliseconds. */
  readonly grace?: number;
}

/** With a `parent`, this process is a worker that another one starts anew when it is worn out. */
export function addWorkerCommand(program: Command, parent?: ParentLink): void {
  program
    .command("worker")
    .description("Run tasks until told to stop.")
    .option("-Q, --queues <names>", "queues to consume from, with commas", (text) => nameList("--queues", text))
    .option("-c, --concurrency <number>", "how many tasks run at once")
    .option("--autoscale <max,min>", "run between so many at once, as there is work; min is 1 if left out", (text) =>
      autoscaleRange("--autoscale", text),
    )
    .option("-P, --pool <name>", "where tasks run: inline, the worker's own event loop; threads; processes or prefork")
    .option(
      "-n, --hostname <name>",
      "node name; %h is the host, %n its first part, %d the rest, %i and %I the process",
      (text) => expandNodeName(text),
    )
    .option("-I, --include <globs>", "further task modules to import, with commas", (text) =>
      nameList("--include", text),
    )
    .option("--max-tasks-per-child <number>", "replace a child after so many tasks")
    .option("--max-memory-per-child <KiB>", "replace a child that has so much after a task; also 200MB")
    .option("--time-limit <seconds>", "end a run that takes longer")
    .option("--soft-time-limit <seconds>", "abort the signal of a run that takes longer")
    .option("-E, --task-events", "tell monitors what becomes of tasks")
    .option("--without-heartbeat", "do not tell monitors that the worker is there")
    .option("--heartbeat-interval <seconds>", "time between heartbeats")
    .option("--without-mingle", "do not ask other workers at the start what is revoked")
    .option("--without-gossip", "do not answer the elections of Python's workers")
    .option("--without-liveness-thread", "do not answer remote control while a task blocks the event loop")
    .option("--health-port <number>", "serve GET /live and GET /ready there; 0 for any free port", (text) =>
      portNumber("--health-port", text),
    )
    .option("--health-host <address>", "address for --health-port; 127.0.0.1 without it")
    .option("--health-patience <seconds>", "how long a wedged worker counts as live; 300 without it", (text) =>
      durationMs("--health-patience", text),
    )
    .option("--grace <seconds>", "how long running tasks may finish on TERM or Ctrl-C", (text) =>
      durationMs("--grace", text),
    )
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await runWorker(command.optsWithGlobals<WorkerCommandOptions>(), parent);
      parent?.close();
    });
}

const HELP = `
TERM and Ctrl-C stop the worker: running tasks finish within --grace, and what has not finished is handed back to the broker.
QUIT, and Ctrl-C again, hand everything back at once. What was handed back runs again elsewhere, and the worker exits with 6.
An uncaught exception stops it as TERM does, with 1; an unhandled rejection is logged, and the worker goes on.

Inline tasks have no child: there --max-tasks-per-child and --max-memory-per-child replace the worker's own process, which has a
parent then that starts it anew.
${EXIT_CODES_HELP}

Examples:
  celeriac -A app.ts worker
  celeriac -A app.ts worker -Q mail,reports -c 4 -n mail@%h -l debug
  celeriac -A app.ts worker -P processes -c 4 --max-tasks-per-child 1000 --max-memory-per-child 200MB
  celeriac -A app.ts worker -P processes --autoscale 10,2
  celeriac -A app.ts worker -P threads --time-limit 60 --soft-time-limit 50
  celeriac -A app.ts worker -I 'tasks/*.ts' --grace 60
  celeriac -A app.ts worker --health-port 8080 --health-host 0.0.0.0`;

function runWorker(options: WorkerCommandOptions, parent: ParentLink | undefined): Promise<number> {
  if (options.app === undefined) {
    throw new UsageError("A worker needs the app whose tasks it runs: celeriac -A path/to/app.ts worker");
  }
  const orders = parent?.orders ?? ordersFromSignals();
  const body = (open: OpenApp): Promise<number> => {
    open.log.level = open.app.config.workerLogLevel;
    const hasGenerations = parent === undefined && wearsOut(open.app.config);
    return hasGenerations ? runGenerations(orders, open.app.log) : work(open, options, orders, parent);
  };
  return withApp(options, body, {
    workerConcurrency: options.concurrency,
    workerPool: options.pool,
    workerMaxTasksPerChild: options.maxTasksPerChild,
    workerMaxMemoryPerChild: options.maxMemoryPerChild,
    taskTimeLimit: options.timeLimit,
    taskSoftTimeLimit: options.softTimeLimit,
    workerSendTaskEvents: options.taskEvents,
    workerHeartbeatInterval: options.withoutHeartbeat === true ? null : options.heartbeatInterval,
    workerShutdownGraceMs: options.grace,
  });
}

/** Throws UsageError for what is said of an endpoint that there is not. */
function healthOf({
  healthPort: port,
  healthHost: host,
  healthPatience,
}: WorkerCommandOptions): HealthOptions | undefined {
  const more = {
    ...(host === undefined ? {} : { host }),
    ...(healthPatience === undefined ? {} : { patienceMs: healthPatience }),
  };
  if (port !== undefined) return { port, ...more };
  if (Object.keys(more).length === 0) return undefined;
  throw new UsageError("--health-host and --health-patience need a --health-port.");
}

function ordersFromSignals(): StopOrders {
  const orders = new StopOrders();
  takeOrdersFromSignals(orders);
  return orders;
}

async function work(
  { app, module }: OpenApp,
  options: WorkerCommandOptions,
  orders: StopOrders,
  parent: ParentLink | undefined,
): Promise<number> {
  const { queues, hostname = expandNodeName("@"), include = [], autoscale } = options;
  const health = healthOf(options);
  await importTasksOf(app, include);
  const modules = [...(module === undefined ? [] : [module.url]), ...app.config.include, ...include];
  const worker = new Worker(app, {
    hostname,
    mingle: options.withoutMingle !== true,
    gossip: options.withoutGossip !== true,
    livenessThread: options.withoutLivenessThread !== true,
    include,
    preload: modules.some(isTypeScript) ? [TYPESCRIPT_PRELOAD] : [],
    ...(module === undefined ? {} : { appModule: module }),
    ...(queues === undefined ? {} : { queues }),
    ...(autoscale === undefined ? {} : { autoscale }),
    ...(health === undefined ? {} : { health }),
  });

  const summary = summarize(app, worker, packageVersion());
  if (!process.stderr.isTTY) app.log.info("starting", summary);
  else if (options.quiet !== true) remark(banner(summary));
  const exitCode = await runUntilStopped(worker, orders, app.log);
  if (worker.isWornOut) await parent?.sayWornOut();
  return exitCode;
}

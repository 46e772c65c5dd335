import type { Command } from "commander";
import { toError } from "../../util/errors.ts";
import type { LogFields, Logger } from "../../util/logger.ts";
import { importTaskModules } from "../../worker/import-tasks.ts";
import { Worker } from "../../worker/worker.ts";
import { banner, summarize } from "../banner.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { GlobalOptions } from "../global-options.ts";
import { expandNodeName } from "../node-name.ts";
import { durationMs, nameList } from "../option-values.ts";
import { remark } from "../output.ts";
import { allowTypeScript, isTypeScript } from "../typescript.ts";
import { packageVersion } from "../version.ts";
import { withApp, type OpenApp } from "../with-app.ts";

interface WorkerCommandOptions extends GlobalOptions {
  readonly queues?: readonly string[];
  readonly concurrency?: string;
  readonly pool?: string;
  readonly hostname?: string;
  readonly include?: readonly string[];
  readonly grace?: number;
}

export function addWorkerCommand(program: Command): void {
  program
    .command("worker")
    .description("Run tasks until told to stop.")
    .option("-Q, --queues <names>", "queues to consume from, with commas", (text) => nameList("--queues", text))
    .option("-c, --concurrency <number>", "how many tasks run at once")
    .option("-P, --pool <name>", "where tasks run: inline, the worker's own event loop")
    .option(
      "-n, --hostname <name>",
      "node name; %h is the host, %n its first part, %d the rest, %i and %I the process",
      (text) => expandNodeName(text),
    )
    .option("-I, --include <globs>", "further task modules to import, with commas", (text) =>
      nameList("--include", text),
    )
    .option("--grace <seconds>", "how long running tasks may finish on TERM or Ctrl-C", (text) =>
      durationMs("--grace", text),
    )
    .addHelpText("after", HELP)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await runWorker(command.optsWithGlobals<WorkerCommandOptions>());
    });
}

const HELP = `
TERM and Ctrl-C stop the worker: running tasks finish within --grace, the rest is handed back to the broker. So does an
uncaught exception, and the worker exits with 1; an unhandled rejection is logged, and the worker goes on.
A second Ctrl-C gives running tasks up at once; they run again elsewhere, and the worker exits with 1.

Examples:
  celeriac -A app.ts worker
  celeriac -A app.ts worker -Q mail,reports -c 4 -n mail@%h -l debug
  celeriac -A app.ts worker -I 'tasks/*.ts' --grace 60`;

function runWorker(options: WorkerCommandOptions): Promise<number> {
  if (options.app === undefined) {
    throw new UsageError("A worker needs the app whose tasks it runs: celeriac -A path/to/app.ts worker");
  }
  const { concurrency: workerConcurrency, pool: workerPool, grace: workerShutdownGraceMs } = options;
  return withApp(options, (open) => work(open, options), { workerConcurrency, workerPool, workerShutdownGraceMs });
}

async function work({ app, log }: OpenApp, options: WorkerCommandOptions): Promise<number> {
  const { queues, hostname = expandNodeName("@"), include = [] } = options;
  log.level = app.config.workerLogLevel;
  const worker = new Worker(app, { hostname, ...(queues === undefined ? {} : { queues }) });
  const modules = [...app.config.include, ...include];
  if (modules.some(isTypeScript)) await allowTypeScript();
  await importTaskModules(modules);

  const summary = summarize(app, worker, packageVersion());
  if (!process.stderr.isTTY) app.log.info("starting", summary);
  else if (options.quiet !== true) remark(banner(summary));
  return runUntilStopped(worker, app.log);
}

/** Runs the worker until a signal or an uncaught exception ends it, and gives the exit code. What a task left alone may not end those that run beside it. */
async function runUntilStopped(worker: Worker, log: Logger): Promise<number> {
  let exitCode: number = EXIT.ok;
  let interrupts = 0;
  const finishWork = (signal: NodeJS.Signals): void => {
    log.info("stopping, running tasks may finish", { signal, running: worker.busy });
    void worker.stop();
  };
  const giveUp = (): void => {
    log.warn("giving up running tasks", { running: worker.busy });
    exitCode = EXIT.failed;
    void worker.stop({ graceMs: 0 });
  };
  const stopFailed = (error: unknown): void => {
    log.error("uncaught exception, stopping, running tasks may finish", { running: worker.busy, ...blameOf(error) });
    exitCode = EXIT.failed;
    void worker.stop();
  };
  process.on("unhandledRejection", (reason) => log.error("unhandled rejection, probably of a task", blameOf(reason)));
  process.on("uncaughtException", stopFailed);
  process.on("SIGTERM", finishWork);
  process.on("SIGINT", (signal) => ((interrupts += 1) === 1 ? finishWork(signal) : giveUp()));

  await worker.start();
  if (worker.state === "running") log.info("ready", { node: worker.hostname, queues: worker.queues });
  await worker.finished;
  log.info("stopped");
  return exitCode;
}

function blameOf(cause: unknown): LogFields {
  const { message, stack } = toError(cause);
  return { error: message, stack };
}

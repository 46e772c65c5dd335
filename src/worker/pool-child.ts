/**
 * The program of a child of an isolated pool, in a thread or process of its own: imports the app's module, and runs the tasks that
 * the pool hands it. An uncaught exception ends it, an unhandled rejection does not: the worker itself does likewise.
 */
import type { Celeriac } from "../app/celeriac.ts";
import { runTask } from "../app/run-task.ts";
import { SoftTimeLimitExceededError } from "../app/steering.ts";
import { JobServer } from "../pool/isolated/job-server.ts";
import type { Command } from "../pool/isolated/protocol.ts";
import { toError } from "../util/errors.ts";
import { silentLogger } from "../util/logger.ts";
import { childLog } from "./child-log.ts";
import { openLink } from "./child-link.ts";
import { importTaskModules } from "./import-tasks.ts";
import { markPoolChild } from "./in-pool-child.ts";
import type { ChildSetup } from "./make-pool.ts";
import { importApp } from "./pick-app.ts";

const link = openLink();
const log = childLog((news) => link.post(news));
let app: Celeriac | undefined;
let jobs: JobServer | undefined;

markPoolChild();
process.on("unhandledRejection", (reason) => {
  const { message, stack } = toError(reason);
  log.error("unhandled rejection, probably of a task", { error: message, stack });
});
process.on("uncaughtException", (error) => {
  link.post({ kind: "uncaught", error: toError(error).stack ?? String(error) });
  void end(1);
});
link.onCommand((command) => void obey(command));

async function obey(command: Command): Promise<void> {
  if (command.kind === "setup") await begin(command.setup as ChildSetup);
  else if (command.kind === "end") await end(0);
  else jobs?.obey(command);
}

async function begin(setup: ChildSetup): Promise<void> {
  try {
    app = await openApp(setup);
    jobs = serve(app);
    link.post({ kind: "ready" });
  } catch (error) {
    link.post({ kind: "unfit", why: toError(error).message });
  }
}

async function openApp({ appModule, commandLine, include }: ChildSetup): Promise<Celeriac> {
  const opened = await importApp(appModule);
  if (opened.log === silentLogger) opened.log = log;
  opened.configureFromCommandLine(commandLine);
  await importTaskModules([...opened.config.include, ...include]);
  return opened;
}

function serve({ config, tasks, resources, clock, random }: Celeriac): JobServer {
  const runner = { config, tasks, resources, log, random };
  return new JobServer({
    accept: config.acceptContent,
    runTask: (job, hooks) => runTask(job, hooks, runner),
    noteJob: () => link.noteJob(),
    post: (news) => link.post(news),
    softLimitError: (limitMs) => new SoftTimeLimitExceededError(limitMs),
    memoryBytes: () => link.memoryBytes(),
    clock,
  });
}

async function end(exitCode: number): Promise<void> {
  jobs = undefined; // none is begun any more
  await link.flush();
  if (exitCode === 0) await app?.close();
  process.exit(exitCode);
}

import type { Celeriac } from "../app/celeriac.ts";
import { ConfigError } from "../app/config-error.ts";
import type { PoolName } from "../app/config.ts";
import { runTask } from "../app/run-task.ts";
import { SoftTimeLimitExceededError } from "../app/steering.ts";
import { InlinePool } from "../pool/inline-pool.ts";
import { IsolatedPool } from "../pool/isolated/isolated-pool.ts";
import { startProcess } from "../pool/isolated/process-host.ts";
import { startThread } from "../pool/isolated/thread-host.ts";
import type { Pool } from "../pool/pool.ts";
import type { Logger } from "../util/logger.ts";
import { siblingModule } from "../util/sibling-module.ts";
import { childFlags } from "./child-flags.ts";
import type { AppModule } from "./pick-app.ts";

export interface PoolPlan {
  readonly name: PoolName;
  /** How many tasks run at once. */
  readonly size: number;
  readonly app: Celeriac;
  readonly log: Logger;
  /** Where children find the app; threads and processes need it. */
  readonly appModule?: AppModule | undefined;
  /** Globs of task modules that children import besides the app's own `include`. @default none */
  readonly include?: readonly string[] | undefined;
  /** URLs of modules that children import before all others, such as one that makes TypeScript importable. @default none */
  readonly preload?: readonly string[] | undefined;
  /** A child is replaced after so many tasks. @default never */
  readonly maxTasksPerChild?: number | undefined;
  /** A child is replaced once it has so much memory after a task: the resident set of a process, the heap of a thread. @default never */
  readonly maxMemoryPerChildBytes?: number | undefined;
  /** Called once, when the inline pool has run so many tasks or has so much memory: it is its worker that must be replaced. */
  readonly onWornOut?: (() => void) | undefined;
}

/** What the child's program is told. Data for the structured clone algorithm. */
export interface ChildSetup {
  readonly appModule: AppModule;
  /** What the command line says of the app's configuration. */
  readonly commandLine: Readonly<Record<string, unknown>>;
  readonly include: readonly string[];
}

/** The place where a worker runs its tasks. Throws ConfigError for threads and processes without an `appModule`. */
export function makePool(plan: PoolPlan): Pool {
  return plan.name === "inline" ? makeInlinePool(plan) : makeIsolatedPool(plan, plan.name);
}

function makeInlinePool({ app, size, log, maxTasksPerChild, maxMemoryPerChildBytes, onWornOut }: PoolPlan): Pool {
  const { config, tasks, resources, clock } = app;
  const runner = { config, tasks, resources, log, random: app.random };
  return new InlinePool({
    size,
    clock,
    runTask: (job, hooks) => runTask(job, hooks, runner),
    softLimitError: (limitMs) => new SoftTimeLimitExceededError(limitMs),
    maxTasks: maxTasksPerChild,
    maxMemoryBytes: maxMemoryPerChildBytes,
    onWornOut,
  });
}

/** This file's neighbour, and like it JavaScript, or TypeScript in this package's sources. */
const CHILD_PROGRAM = siblingModule("./pool-child", import.meta.url);

function makeIsolatedPool(plan: PoolPlan, name: "threads" | "processes"): Pool {
  const { app, size, log, appModule, include = [], preload = [], maxTasksPerChild, maxMemoryPerChildBytes } = plan;
  if (appModule === undefined) {
    throw new ConfigError(
      `A worker with ${name} needs the module that exports the app, which each of them imports: ` +
        `new Worker(app, { appModule: { url: import.meta.resolve("./app.ts") } }).`,
    );
  }
  const threads = name === "threads";
  const setup: ChildSetup = { appModule, commandLine: commandLineOf(app), include };
  return new IsolatedPool({
    size,
    clock: app.clock,
    log,
    startHost: threads ? startThread : startProcess,
    program: { url: CHILD_PROGRAM, execArgv: childFlags({ threads, program: CHILD_PROGRAM, preload }) },
    setup,
    maxTasks: maxTasksPerChild,
    maxMemoryBytes: maxMemoryPerChildBytes,
  });
}

/** So that a child of `celeriac worker --broker …` sends where its worker listens. */
function commandLineOf({ config, resolution }: Celeriac): Readonly<Record<string, unknown>> {
  const said = [...resolution.sources].filter(([, { source }]) => source === "command line");
  return Object.fromEntries(said.map(([key]) => [key, config[key]]));
}

import type { Command } from "commander";
import type { Celeriac } from "../../app/celeriac.ts";
import { isReady, type TaskMeta } from "../../backend/task-meta.ts";
import { encodeJson } from "../../message/json.ts";
import type { AsyncResult } from "../../result/async-result.ts";
import { ResultTimeoutError, TaskFailedError, TaskRevokedError } from "../../result/errors.ts";
import { PendingResultError } from "../errors.ts";
import { EXIT_CODES_HELP } from "../exit-codes.ts";
import type { GlobalOptions } from "../global-options.ts";
import { durationMs } from "../option-values.ts";
import { print } from "../output.ts";
import { requireResultFile, requireResults } from "../require-places.ts";
import { withApp } from "../with-app.ts";

interface ResultOptions extends GlobalOptions {
  /** Milliseconds. */
  readonly wait?: number;
  readonly traceback?: boolean;
  readonly json?: boolean;
}

export function addResultCommand(program: Command): void {
  program
    .command("result")
    .description("Print the result of a task as JSON.")
    .argument("<id>", "what `call` printed")
    .option("--wait <seconds>", "wait until the task has ended", (text) => durationMs("--wait", text))
    .option("--traceback", "print the traceback of a failed task in place of the value")
    .option("--json", "print all that is stored: id, state, result, traceback, when it ended, children")
    .addHelpText("after", HELP)
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ResultOptions>();
      await withApp(options, ({ app }) => showResult(app, id, options));
    });
}

const HELP = `${EXIT_CODES_HELP}

Examples:
  celeriac -A app.ts result 3f0c7b9e-… --wait 30
  celeriac --result-backend sqlite:celeriac.db result 3f0c7b9e-… --json`;

/** Whatever is printed, the exit code tells how the task ended. */
async function showResult(app: Celeriac, id: string, options: ResultOptions): Promise<void> {
  requireResults(app, "result");
  await requireResultFile(app);
  const result = app.result(id);
  await waitFor(result, options.wait);
  const meta = await result.meta();
  if (options.json === true) print(encodeJson(documentOf(id, meta), "result"));
  if (meta === undefined || !isReady(meta.state)) throw unfinished(id, meta, options);
  if (options.traceback === true && meta.traceback !== null) print(meta.traceback.trimEnd());
  const value = await result.get();
  if (options.json !== true && options.traceback !== true) print(encodeJson(value, "result"));
}

/** Resolves when the task has ended, well or not, or the time is over. */
async function waitFor(result: AsyncResult, timeoutMs: number | undefined): Promise<void> {
  if (timeoutMs === undefined) return;
  await result.get({ timeoutMs }).catch((error: unknown) => {
    if (error instanceof ResultTimeoutError || error instanceof TaskFailedError || error instanceof TaskRevokedError)
      return;
    throw error;
  });
}

function unfinished(id: string, meta: TaskMeta | undefined, { wait }: ResultOptions): Error {
  return wait === undefined ? new PendingResultError(id, meta?.state ?? "PENDING") : new ResultTimeoutError(id, wait);
}

function documentOf(id: string, meta: TaskMeta | undefined): Readonly<Record<string, unknown>> {
  return {
    id,
    state: meta?.state ?? "PENDING",
    result: meta?.result ?? null,
    traceback: meta?.traceback ?? null,
    doneAt: meta?.doneAt?.toISOString() ?? null,
    children: meta?.children ?? [],
  };
}

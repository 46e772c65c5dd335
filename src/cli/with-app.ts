import { Celeriac } from "../app/celeriac.ts";
import type { SettingKey } from "../app/settings.ts";
import { silentLogger } from "../util/logger.ts";
import type { AppModule } from "../worker/pick-app.ts";
import type { GlobalOptions } from "./global-options.ts";
import { loadApp } from "./load-app.ts";
import { makeLogger, type LeveledLogger } from "./logging.ts";

export interface OpenApp {
  readonly app: Celeriac;
  /** Where the app comes from; undefined for one that the command line did not name. */
  readonly module: AppModule | undefined;
  /** The app's own log, unless it came with another. */
  readonly log: LeveledLogger;
}

/**
 * Does something with the app that the command line names, or without one with an app that has only a broker and a result
 * backend; then closes it. Warnings are logged, and what `-l` says.
 */
export async function withApp<T>(
  options: GlobalOptions,
  body: (open: OpenApp) => Promise<T>,
  settings: Readonly<Partial<Record<SettingKey, unknown>>> = {},
): Promise<T> {
  const { app, module } =
    options.app === undefined ? { app: new Celeriac(), module: undefined } : await loadApp(options.app);
  const log = makeTerminalLogger(options);
  if (app.log === silentLogger) app.log = log;
  const { broker, resultBackend, loglevel: workerLogLevel } = options;
  const given = Object.entries({ broker, resultBackend, workerLogLevel, ...settings }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length > 0) app.configureFromCommandLine(Object.fromEntries(given));
  if (workerLogLevel !== undefined) log.level = app.config.workerLogLevel;
  try {
    return await body({ app, module, log });
  } finally {
    await app.close();
  }
}

function makeTerminalLogger({ color }: GlobalOptions): LeveledLogger {
  const { isTTY: pretty, fd: destination } = process.stderr;
  return makeLogger({ level: "warn", pretty, colour: pretty && color && process.stderr.hasColors(), destination });
}

import { join } from "node:path";
import { Celeriac, type Task } from "celeriac";

export interface AppOptions {
  readonly synchronous?: "full" | "normal";
  /** @default true */
  readonly results?: boolean;
  readonly work?: () => void;
}

/** An app with one task, on a file in this directory; our own contender's, and whose rows the raw one copies. */
export function openApp(
  directory: string,
  { synchronous = "full", results = true, work = () => undefined }: AppOptions = {},
): { readonly app: Celeriac; readonly task: Task<[argument: string], [], null> } {
  const url = `sqlite:${join(directory, "bench.db")}?synchronous=${synchronous}`;
  const backend = results ? { resultBackend: url } : {};
  const app = new Celeriac({ broker: url, ...backend, taskPublishTimeoutMs: 60_000 }, { env: {} });
  const task = app.task("bench.noop", { ignoreResult: !results }, (_argument: string) => {
    work();
    return null;
  });
  return { app, task };
}

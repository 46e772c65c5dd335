import { join } from "node:path";
import { Celeriac, type Task } from "celeriac";
import type { Results } from "./contender.ts";

export interface AppOptions {
  readonly synchronous?: "full" | "normal";
  /** @default "full" */
  readonly results?: Results;
  readonly work?: () => void;
}

/** An app with one task, on a file in this directory; our own contender's, and whose rows the raw one copies. */
export function openApp(
  directory: string,
  { results = "full", synchronous = results === "normal" ? "normal" : "full", work = () => undefined }: AppOptions = {},
): { readonly app: Celeriac; readonly task: Task<[argument: string], [], null> } {
  const url = `sqlite:${join(directory, "bench.db")}?synchronous=${synchronous}`;
  const keepsResults = results !== "none";
  const backend = keepsResults ? { resultBackend: url } : {};
  const app = new Celeriac({ broker: url, ...backend, taskPublishTimeoutMs: 60_000 }, { env: {} });
  const task = app.task("bench.noop", { ignoreResult: !keepsResults }, (_argument: string) => {
    work();
    return null;
  });
  return { app, task };
}

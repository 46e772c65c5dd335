import { join } from "node:path";
import { Celeriac, type Task } from "celeriac";

/** 101 bytes as JSON. */
export const ARGUMENT = "x".repeat(99);

/** An app with one task, on a file in this directory; both our contenders and the rows that raw ones copy come from it. */
export function openApp(
  directory: string,
  work: () => void = () => undefined,
): { readonly app: Celeriac; readonly task: Task<[argument: string], [], null> } {
  const url = `sqlite:${join(directory, "bench.db")}`;
  const app = new Celeriac({ broker: url, resultBackend: url, taskPublishTimeoutMs: 60_000 }, { env: {} });
  const task = app.task("bench.noop", (_argument: string) => {
    work();
    return null;
  });
  return { app, task };
}

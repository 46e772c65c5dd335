import { Celeriac, type Task } from "celeriac";

export interface AppOptions {
  /** @default true */
  readonly keepsResults?: boolean;
  /** Whether a worker tells of its tasks. @default false */
  readonly tellsEvents?: boolean;
  readonly work?: () => void;
}

/** An app with one task, with its broker and its results in one place, but for RabbitMQ's, which are sent; our own contender's, and whose rows the raw one copies. */
export function openApp(
  url: string,
  { keepsResults = true, tellsEvents = false, work = () => undefined }: AppOptions = {},
): { readonly app: Celeriac; readonly task: Task<[argument: string], [], null> } {
  const resultBackend = url.startsWith("amqp:") ? "rpc://" : url;
  const backend = keepsResults ? { resultBackend } : {};
  const settings = { taskPublishTimeoutMs: 60_000, workerSendTaskEvents: tellsEvents };
  const app = new Celeriac({ broker: url, ...backend, ...settings }, { env: {} });
  const task = app.task("bench.noop", { ignoreResult: !keepsResults }, (_argument: string) => {
    work();
    return null;
  });
  return { app, task };
}

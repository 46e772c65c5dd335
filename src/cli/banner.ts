import { explainConfig } from "../app/explain-config.ts";
import type { Celeriac } from "../app/celeriac.ts";
import { shown } from "../app/show-value.ts";
import type { LogFields } from "../util/logger.ts";
import type { Worker } from "../worker/worker.ts";

/** What a worker says of itself when it starts, without secrets. */
export interface WorkerSummary extends LogFields {
  readonly version: string;
  readonly node: string;
  readonly app: string;
  readonly broker: string;
  readonly results: string;
  readonly concurrency: number;
  /** Between which numbers it changes by itself. */
  readonly autoscale: { readonly max: number; readonly min: number } | undefined;
  readonly pool: string;
  readonly queues: readonly {
    readonly name: string;
    readonly exchange: string;
    readonly type: string;
    readonly key: string;
  }[];
  readonly tasks: readonly string[];
  /** Where the command line beats what is said elsewhere. */
  readonly overrides: readonly string[];
}

export function summarize(app: Celeriac, worker: Worker, version: string): WorkerSummary {
  const { config, queues, tasks } = app;
  return {
    version,
    node: worker.hostname,
    app: app.name,
    broker: String(shown(config.broker)),
    results: config.resultBackend === undefined ? "none" : String(shown(config.resultBackend)),
    concurrency: worker.concurrency,
    autoscale: worker.autoscale,
    pool: config.workerPool,
    queues: worker.queues.map((name) => {
      const { exchange, routingKey } = queues.get(name);
      return { name, exchange: exchange.name, type: exchange.type, key: routingKey };
    }),
    tasks: tasks.runnable(),
    overrides: overridesOf(app),
  };
}

/** `--concurrency 4 overrides env CELERY_WORKER_CONCURRENCY` */
function overridesOf(app: Celeriac): readonly string[] {
  return explainConfig(app.resolution).flatMap(({ source, value, overrides }) => {
    if (!source.startsWith(COMMAND_LINE) || overrides.length === 0) return [];
    const others = overrides.map((origin) => origin.replace(/^environment /, "env ").replace(/^code /, "the code's "));
    return [`${source.slice(COMMAND_LINE.length)} ${String(value)} overrides ${others.join(", ")}`];
  });
}

const COMMAND_LINE = "command line ";

/** The summary as text for a terminal. */
export function banner(summary: WorkerSummary): string {
  const { version, node, app, broker, results, concurrency, autoscale, pool, queues, tasks, overrides } = summary;
  const most = autoscale === undefined ? "" : `, up to ${String(autoscale.max)}`;
  const bound = queues.map(({ name, exchange, type, key }) => `${name}  exchange=${exchange}(${type}) key=${key}`);
  return [
    "",
    `${node} · celeriac ${version}`,
    "",
    `  app          ${app}`,
    `  broker       ${broker}`,
    `  results      ${results}`,
    `  concurrency  ${String(concurrency)}${most} (${pool})`,
    ...overrides.map((line) => `  note         ${line}`),
    ...list("queues", bound),
    ...list("tasks", tasks.length === 0 ? ["none"] : tasks),
    "",
  ].join("\n");
}

function list(title: string, items: readonly string[]): readonly string[] {
  return items.map((item, index) => `  ${(index === 0 ? title : "").padEnd(12)} ${item}`);
}

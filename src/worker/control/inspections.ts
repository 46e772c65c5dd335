import { celeryNameOf } from "../../app/resolve-config.ts";
import { shown } from "../../app/show-value.ts";
import type { TaskDefinition } from "../../app/define-task.ts";
import type { Celeriac } from "../../app/celeriac.ts";
import type { Commands } from "./command-table.ts";
import type { OpenParts } from "../parts.ts";
import type { ControlledWorker } from "./controlled-worker.ts";
import { queueInfo } from "./queue-info.ts";
import { report } from "./report.ts";
import { requestInfo, safeRequestInfo } from "./request-info.ts";
import type { RevokedIds } from "./revoked-ids.ts";
import type { RunningTask } from "../running-task.ts";
import { stats } from "./stats.ts";

/** What `registered` tells of a task unless it is asked for something else. */
const TASK_INFO = ["exchange", "routing_key", "rate_limit"];

/** The commands that ask. Delayed tasks stay with the broker, and a worker takes no more than it can begin: `scheduled` and `reserved` have nothing to tell. */
export function inspections(worker: ControlledWorker, parts: OpenParts, revoked: RevokedIds): Commands {
  const { app, node } = worker;
  const { lamport, running } = parts;
  return {
    ping: () => ({ ok: "pong" }),
    clock: () => ({ clock: lamport.value }),
    report: () => ({ ok: report(app) }),
    conf: (args) => settings(app, args.flag("with_defaults")),
    active: (args) =>
      longestFirst(running).map((task) => (args.flag("safe") ? safeRequestInfo : requestInfo)(task, node)),
    reserved: () => [],
    scheduled: () => [],
    revoked: () => revoked.all,
    query_task: (args) => {
      const ids = new Set(args.texts("ids"));
      const found = [...running].filter(({ request }) => ids.has(request.id));
      return Object.fromEntries(found.map((task) => [task.request.id, ["active", requestInfo(task, node)]]));
    },
    registered: (args) => {
      const items = args.texts("taskinfoitems").filter((item) => !item.startsWith("_"));
      const isAsked = (name: string): boolean => args.flag("builtins") || !name.startsWith("celery.");
      const names = app.tasks.runnable().filter(isAsked);
      return names.map((name) => describeTask(app.tasks.get(name), name, items.length === 0 ? TASK_INFO : items));
    },
    active_queues: () => worker.queues().map((name) => queueInfo(app.queues.get(name))),
    stats: () => stats(worker, parts),
    hello: (args) => {
      if (args.text("from_node") === node) return null;
      return { revoked: revoked.all, clock: lamport.forward() };
    },
  };
}

function longestFirst(running: Iterable<RunningTask>): readonly RunningTask[] {
  return [...running].sort((a, b) => a.startedAt - b.startedAt);
}

/** `name [routing_key=x]` */
function describeTask(definition: TaskDefinition | undefined, name: string, items: readonly string[]): string {
  const options = (definition?.options ?? {}) as Readonly<Record<string, unknown>>;
  const told = items.flatMap((item) => {
    const name = item.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const value = Object.hasOwn(options, name) ? options[name] : undefined;
    return value === undefined || value === null ? [] : [`${item}=${String(shown(value))}`];
  });
  return told.length === 0 ? name : `${name} [${told.join(" ")}]`;
}

/** By Celery's names, secrets masked. */
function settings(app: Celeriac, withDefaults: boolean): Readonly<Record<string, unknown>> {
  const { config, sources } = app.resolution;
  const told = [...sources].filter(([, { source }]) => withDefaults || source !== "default");
  return Object.fromEntries(told.map(([key]) => [celeryNameOf(key), shown(config[key])]));
}

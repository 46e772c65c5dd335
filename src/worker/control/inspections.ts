import { celeryNameOf } from "../../app/resolve-config.ts";
import { shown } from "../../app/show-value.ts";
import type { Celeriac } from "../../app/celeriac.ts";
import type { Dict } from "../../message/fields.ts";
import type { Commands } from "./command-table.ts";
import type { OpenParts } from "../parts.ts";
import type { ControlledWorker } from "./controlled-worker.ts";
import { FIXED_SETTINGS } from "./fixed-settings.ts";
import { pingAnswer } from "../liveness/liveness-answer.ts";
import { queueInfo } from "./queue-info.ts";
import { report } from "./report.ts";
import { requestInfo, safeRequestInfo } from "./request-info.ts";
import type { RunningTask } from "../running-task.ts";
import { stats } from "./stats.ts";

/** What `registered` tells of a task unless it is asked for something else. */
const TASK_INFO = ["exchange", "routing_key", "rate_limit"];

/** The commands that ask. Delayed tasks stay with the broker, and a worker takes no more than it can begin: `scheduled` and `reserved` have nothing to tell. */
export function inspections(worker: ControlledWorker, parts: OpenParts): Commands {
  const { app, node } = worker;
  const liveness = (): Dict => worker.liveness.answer();
  const { lamport, running, revokedIds: revoked, pausedQueues } = parts;
  return {
    ping: (args) => pingAnswer(args, liveness),
    liveness,
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
      const own = app.tasks.runnable();
      const names = args.flag("builtins")
        ? [...new Set([...app.tasks.builtIns(), ...own])].sort()
        : own.filter((name) => !name.startsWith("celery."));
      return names.map((name) => describeTask(optionsOf(name, parts), name, items.length === 0 ? TASK_INFO : items));
    },
    active_queues: () => worker.queues().map((name) => queueInfo(app.queues.get(name), pausedQueues.get(name))),
    stats: () => stats(worker, parts),
    hello: (args) => {
      if (args.text("from_node") === node) return null;
      revoked.addHeard(args.value("revoked"));
      return { revoked: revoked.all, clock: lamport.forward(), hearing: worker.liveness.hearing };
    },
  };
}

function longestFirst(running: Iterable<RunningTask>): readonly RunningTask[] {
  return [...running].sort((a, b) => a.startedAt - b.startedAt);
}

/** A task's own, with the limits that it has by now, in seconds as Celery has them. */
function optionsOf(name: string, { tasks, timeLimits, rateLimits }: OpenParts): Dict {
  const definition = tasks.get(name);
  const options = definition?.options ?? {};
  const { softMs, hardMs } = timeLimits.ofTask(name, options);
  return {
    ...options,
    name,
    rateLimit: definition && rateLimits.rateOf(definition),
    softTimeLimit: softMs === null ? null : softMs / 1000,
    timeLimit: hardMs === null ? null : hardMs / 1000,
  };
}

/** `name [routing_key=x]` */
function describeTask(options: Dict, name: string, items: readonly string[]): string {
  const told = items.flatMap((item) => {
    const key = item.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const value = Object.hasOwn(options, key) ? options[key] : undefined;
    return value === undefined || value === null ? [] : [`${item}=${String(shown(value))}`];
  });
  return told.length === 0 ? name : `${name} [${told.join(" ")}]`;
}

/** By Celery's names, secrets masked. */
function settings(app: Celeriac, withDefaults: boolean): Readonly<Record<string, unknown>> {
  const { config, sources } = app.resolution;
  const told = [...sources].filter(([, { source }]) => withDefaults || source !== "default");
  const given = told.map(([key]) => [celeryNameOf(key), shown(config[key])] as const);
  return { ...FIXED_SETTINGS, include: config.include, ...Object.fromEntries(given) };
}

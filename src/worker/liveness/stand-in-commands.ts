import { ArgumentReader } from "../../control/argument-reader.ts";
import type { Handler } from "../../control/control-node.ts";
import type { LamportClock } from "../../events/lamport-clock.ts";
import type { Dict } from "../../message/fields.ts";
import { jsonSerializer } from "../../message/serializer.ts";
import type { Clock } from "../../util/clock.ts";
import { ALIASES } from "../control/aliases.ts";
import { runningTasks } from "./judge.ts";
import type { TaskNote } from "./evidence.ts";
import { livenessAnswer, pingAnswer } from "./liveness-answer.ts";
import type { Lookout } from "./lookout.ts";
import { SNAPSHOTS } from "./snapshots.ts";

export interface StandInCommandsOptions {
  readonly node: string;
  /** When the worker was started, in milliseconds since the epoch. */
  readonly startedAt: number;
  readonly lookout: Lookout;
  /** By method, the event loop's last answer as JSON. */
  readonly answers: ReadonlyMap<string, Uint8Array>;
  readonly lamport: LamportClock;
  readonly clock: Clock;
}

/** The questions that can be answered truly while the event loop is blocked, by method. What they answer with undefined is left to the event loop. */
export function standInCommands(options: StandInCommandsOptions): ReadonlyMap<string, Handler> {
  const { node, startedAt, lookout, answers, lamport, clock } = options;
  const liveness = (): Dict => livenessAnswer(lookout.look().liveness, "thread");
  const last = (method: string): unknown => {
    const answer = answers.get(method);
    return answer === undefined ? undefined : jsonSerializer.decode(answer);
  };
  const active = (): readonly Dict[] => {
    const known = new Map(((last("active") ?? []) as readonly Dict[]).map((task) => [task["id"], task]));
    return runningTasks(lookout.look().evidence).map((task) => known.get(task.id) ?? describe(task, node));
  };
  const commands: Record<string, (args: ArgumentReader) => unknown> = {
    ping: (args) => pingAnswer(args, liveness),
    liveness,
    clock: () => ({ clock: lamport.value }),
    hello: (args) => {
      if (args.text("from_node") === node) return undefined;
      const revoked = last("revoked");
      return revoked === undefined ? undefined : { revoked, clock: lamport.forward(), hearing: 2 };
    },
    active,
    query_task: (args) => {
      const ids = new Set<unknown>(args.texts("ids"));
      const found = active().filter(({ id }) => ids.has(id));
      return Object.fromEntries(found.map((task) => [String(task["id"]), ["active", task]]));
    },
    stats: () => {
      const stats = last("stats");
      const uptime = Math.floor((clock.now() - startedAt) / 1000);
      return stats === undefined ? undefined : { ...(stats as Dict), clock: String(lamport.value), uptime };
    },
  };
  const handlers = new Map<string, Handler>();
  for (const method of SNAPSHOTS) handlers.set(method, (args) => (asksForMore(args) ? undefined : last(method)));
  for (const [method, run] of Object.entries(commands)) handlers.set(method, (args) => run(new ArgumentReader(args)));
  for (const [alias, method] of Object.entries(ALIASES)) {
    const handler = handlers.get(method);
    if (handler !== undefined) handlers.set(alias, handler);
  }
  return handlers;
}

/** A snapshot is what a method answers that is asked for nothing particular. */
function asksForMore(args: Dict): boolean {
  return Object.values(args).some((value) => !(Array.isArray(value) && value.length === 0) && Boolean(value));
}

/** A task that was begun too late to be in a snapshot, as far as it is known: with the fields of `requestInfo`. */
function describe({ id, name, startedAt }: TaskNote, node: string): Dict {
  return {
    id,
    name,
    args: null,
    kwargs: null,
    type: name,
    hostname: node,
    time_start: startedAt / 1000,
    acknowledged: null,
    delivery_info: null,
    worker_pid: process.pid,
  };
}

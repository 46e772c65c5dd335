/** One remote control command, as a caller needs to know it. */
export interface CommandInfo {
  /** `inspect` asks, `control` changes something. */
  readonly kind: "inspect" | "control";
  readonly help: string;
  /** How its arguments are shown: `<queue> [exchange]`. */
  readonly signature?: string;
  /** What the command line's words are, in their order. */
  readonly params?: readonly Param[];
  /** The argument that all further words go into. */
  readonly variadic?: string;
}

export interface Param {
  readonly name: string;
  readonly kind: "text" | "whole number" | "flag";
}

/** Every command that Celeriac's workers answer, in Celery's names and words. Celery: `celery/worker/control.py`. */
export const COMMANDS: Readonly<Record<string, CommandInfo>> = {
  active: { kind: "inspect", help: "List of tasks currently being executed." },
  active_queues: { kind: "inspect", help: "List the task queues a worker is currently consuming from." },
  clock: { kind: "inspect", help: "Get current logical clock value." },
  conf: {
    kind: "inspect",
    help: "List configuration.",
    signature: "[include_defaults=False]",
    params: [{ name: "with_defaults", kind: "flag" }],
  },
  ping: { kind: "inspect", help: "Ping worker(s)." },
  query_task: {
    kind: "inspect",
    help: "Query for task information by id.",
    signature: "[id1 [id2 [... [idN]]]]",
    variadic: "ids",
  },
  registered: {
    kind: "inspect",
    help: "List of registered tasks.",
    signature: "[attr1 [attr2 [... [attrN]]]]",
    variadic: "taskinfoitems",
  },
  report: { kind: "inspect", help: "Information about the installation for bug reports." },
  reserved: { kind: "inspect", help: "List of currently reserved tasks, not including scheduled/active." },
  revoked: { kind: "inspect", help: "List of revoked task-ids." },
  scheduled: { kind: "inspect", help: "List of currently scheduled ETA/countdown tasks." },
  stats: { kind: "inspect", help: "Request worker statistics/information." },
  add_consumer: {
    kind: "control",
    help: "Tell worker(s) to consume from task queue by name.",
    signature: "<queue> [exchange [type [routing_key]]]",
    params: [
      { name: "queue", kind: "text" },
      { name: "exchange", kind: "text" },
      { name: "exchange_type", kind: "text" },
      { name: "routing_key", kind: "text" },
    ],
  },
  cancel_consumer: {
    kind: "control",
    help: "Tell worker(s) to stop consuming from task queue by name.",
    signature: "<queue>",
    params: [{ name: "queue", kind: "text" }],
  },
  disable_events: { kind: "control", help: "Tell worker(s) to stop sending task-related events." },
  enable_events: { kind: "control", help: "Tell worker(s) to send task-related events." },
  heartbeat: { kind: "control", help: "Tell worker(s) to send event heartbeat immediately." },
  pool_grow: {
    kind: "control",
    help: "Grow pool by n processes/threads.",
    signature: "[N=1]",
    params: [{ name: "n", kind: "whole number" }],
  },
  pool_shrink: {
    kind: "control",
    help: "Shrink pool by n processes/threads.",
    signature: "[N=1]",
    params: [{ name: "n", kind: "whole number" }],
  },
  revoke: {
    kind: "control",
    help: "Revoke task by task id (or list of ids).",
    signature: "[id1 [id2 [... [idN]]]]",
    variadic: "task_id",
  },
  shutdown: { kind: "control", help: "Shutdown worker(s)." },
  terminate: {
    kind: "control",
    help: "Terminate task by task id (or list of ids).",
    signature: "<signal> [id1 [id2 [... [idN]]]]",
    params: [{ name: "signal", kind: "text" }],
    variadic: "task_id",
  },
};

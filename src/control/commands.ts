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
  readonly kind: "text" | "whole number" | "number" | "flag";
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
  liveness: { kind: "inspect", help: "Tell how a worker is: up, busy or wedged, since when, and by what evidence." },
  memdump: {
    kind: "inspect",
    help: "Dump statistics of previous memsample requests.",
    signature: "[n_samples=10]",
    params: [{ name: "samples", kind: "whole number" }],
  },
  memsample: { kind: "inspect", help: "Sample current RSS memory usage." },
  objgraph: {
    kind: "inspect",
    help: "Create graph of uncollected objects (memory-leak debugging).",
    signature: "[object_type=Request] [num=200 [max_depth=10]]",
    params: [
      { name: "type", kind: "text" },
      { name: "num", kind: "whole number" },
      { name: "max_depth", kind: "whole number" },
    ],
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
  autoscale: {
    kind: "control",
    help: "Modify autoscale settings.",
    signature: "[max [min]]",
    params: [
      { name: "max", kind: "whole number" },
      { name: "min", kind: "whole number" },
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
  pause_queue: {
    kind: "control",
    help: "Tell all workers of the cluster to take nothing from a queue.",
    signature: "<queue> [reason]",
    params: [
      { name: "queue", kind: "text" },
      { name: "reason", kind: "text" },
    ],
  },
  pool_grow: {
    kind: "control",
    help: "Grow pool by n processes/threads.",
    signature: "[N=1]",
    params: [{ name: "n", kind: "whole number" }],
  },
  pool_restart: { kind: "control", help: "Restart execution pool." },
  pool_shrink: {
    kind: "control",
    help: "Shrink pool by n processes/threads.",
    signature: "[N=1]",
    params: [{ name: "n", kind: "whole number" }],
  },
  rate_limit: {
    kind: "control",
    help: "Tell worker(s) to modify the rate limit for a task by type.",
    signature: "<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>",
    params: [
      { name: "task_name", kind: "text" },
      { name: "rate_limit", kind: "text" },
    ],
  },
  resume_queue: {
    kind: "control",
    help: "Tell all workers of the cluster to take from a paused queue again.",
    signature: "<queue>",
    params: [{ name: "queue", kind: "text" }],
  },
  revoke: {
    kind: "control",
    help: "Revoke task by task id (or list of ids).",
    signature: "[id1 [id2 [... [idN]]]]",
    variadic: "task_id",
  },
  revoke_by_stamped_headers: {
    kind: "control",
    help: "Revoke task by header (or list of headers).",
    signature: "[key1=value1 [key2=value2 [... [keyN=valueN]]]]",
    variadic: "headers",
  },
  shutdown: { kind: "control", help: "Shutdown worker(s)." },
  terminate: {
    kind: "control",
    help: "Terminate task by task id (or list of ids).",
    signature: "<signal> [id1 [id2 [... [idN]]]]",
    params: [{ name: "signal", kind: "text" }],
    variadic: "task_id",
  },
  time_limit: {
    kind: "control",
    help: "Tell worker(s) to modify the time limit for task by type.",
    signature: "<task_name> <soft_secs> [hard_secs]",
    params: [
      { name: "task_name", kind: "text" },
      { name: "soft", kind: "number" },
      { name: "hard", kind: "number" },
    ],
  },
};

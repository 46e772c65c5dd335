import { describePause } from "../describe-pause.ts";
import type { TaskInfo } from "../../events/cluster/task-record.ts";
import { counted } from "../output.ts";
import { cut, oneLine } from "./cells.ts";
import { fitTable, type TableColumn } from "./fit-table.ts";
import type { TopSnapshot, WorkerLine } from "./snapshot.ts";

export const PANES = ["workers", "queues", "tasks"] as const;
export type PaneName = (typeof PANES)[number];

/** What whoever looks has chosen. */
export interface TopView {
  /** Infinity for as many as there are. */
  readonly columns: number;
  /** Infinity for as many as there are. */
  readonly rows: number;
  /** Which gets the room that the others leave. */
  readonly pane: PaneName;
  /** The first row of it that is shown, from 0. */
  readonly offset: number;
  readonly tasks: "running" | "latest";
  readonly isPaused: boolean;
  /** Workers that were told to send the events of their tasks. */
  readonly enabled: readonly string[];
  /** What may be typed; empty where nothing may. */
  readonly keys: string;
}

export interface StyledLine {
  readonly text: string;
  readonly style?: "title" | "chosen" | "heading" | "alarm";
}

/** Of its title and the names of its columns. */
const HEAD_ROWS = 2;
/** A pane that has less than this is left out. */
const LEAST_ROWS = HEAD_ROWS + 1;
/** What panes that are not chosen take at most. */
const LARGEST_SHARE = 0.3;

/** All that `celeriac top` shows, as lines that fit. */
export function renderTop(snapshot: TopSnapshot, view: TopView): readonly StyledLine[] {
  const head = headOf(snapshot, view);
  const foot: readonly StyledLine[] = view.keys === "" ? [] : [{ text: view.keys, style: "heading" }];
  const panes = PANES.map((name) => paneOf(name, snapshot, view));
  const heights = share(panes, view.pane, view.rows - head.length - foot.length);
  const body = panes.flatMap((pane, index) => linesOf(pane, heights[index] ?? 0, view));
  const blanks = Number.isFinite(view.rows) ? Math.max(view.rows - head.length - body.length - foot.length, 0) : 0;
  const lines = [...head, ...body, ...Array.from({ length: blanks }, () => ({ text: "" })), ...foot];
  return lines.slice(0, view.rows).map((line) => ({ ...line, text: cut(line.text, view.columns) }));
}

/** Of the chosen pane. */
export function rowCount(snapshot: TopSnapshot, { pane, tasks }: Pick<TopView, "pane" | "tasks">): number {
  return snapshot[pane === "tasks" ? tasks : pane].length;
}

function headOf(snapshot: TopSnapshot, { isPaused, enabled }: TopView): readonly StyledLine[] {
  const { time, broker, problem, totals, rates, workers } = snapshot;
  const at = new Date(time * 1000).toISOString().slice(0, 19).replace("T", " ");
  const gone = workers.filter(({ state }) => state === "gone").length;
  const figures = [`workers ${String(workers.length - gone)} here, ${String(gone)} gone`];
  if (totals !== undefined) {
    const told = (["received", "succeeded", "failed"] as const).map(
      (name) => `${name} ${String(totals[name])} (${(rates?.[name] ?? 0).toFixed(1)}/s)`,
    );
    figures.push(`tasks ${told.join(", ")}`);
  }
  return [
    { text: `celeriac top  ${oneLine(broker)}  ${at} UTC${isPaused ? "  PAUSED" : ""}`, style: "title" },
    { text: figures.join("   ") },
    ...(problem === undefined
      ? []
      : [{ text: `Broker away, trying again: ${oneLine(problem)}`, style: "alarm" as const }]),
    ...(enabled.length === 0
      ? []
      : [{ text: `Task events are on in ${counted(enabled.length, "worker")} now; off again: ${DISABLE_EVENTS}` }]),
  ];
}

export const DISABLE_EVENTS = "celeriac control disable_events";

interface Pane {
  readonly name: PaneName;
  readonly title: string;
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
}

function paneOf(name: PaneName, snapshot: TopSnapshot, view: TopView): Pane {
  switch (name) {
    case "workers":
      return workersPane(snapshot);
    case "queues":
      return queuesPane(snapshot);
    case "tasks":
      return tasksPane(snapshot, view);
  }
}

function workersPane({ workers, time }: TopSnapshot): Pane {
  return {
    name: "workers",
    title: `WORKERS ${String(workers.length)}`,
    columns: [
      { title: "name", least: 12 },
      { title: "state", least: 8 },
      { title: "active/size", isNumber: true },
      { title: "processed", isNumber: true },
      { title: "load", isNumber: true },
      { title: "heard", isNumber: true },
      { title: "pid", isNumber: true },
      { title: "software", least: 4 },
    ],
    rows: workers.map((worker) => [
      oneLine(worker.hostname),
      stateOf(worker, time),
      `${figure(worker.active)}/${figure(worker.size)}`,
      figure(worker.processed),
      worker.loadavg[0]?.toFixed(2) ?? "?",
      `${shortTime(time - (worker.heartbeats.at(-1) ?? worker.since))} ago`,
      figure(worker.pid),
      oneLine(`${worker.swIdent ?? "?"} ${worker.swVer ?? ""}`).trim(),
    ]),
  };
}

/** `wedged 40s shop.pay`, `gone 3m without a word` */
function stateOf({ state, since, task, saidGoodbye }: WorkerLine, time: number): string {
  const words = [state, shortTime(time - since)];
  if (state === "gone") words.push(saidGoodbye ? "shut down" : "without a word");
  else if (state !== "up" && task !== undefined) words.push(oneLine(task));
  return words.join(" ");
}

function queuesPane({ queues }: TopSnapshot): Pane {
  const counts = ["ready", "delayed", "unacked", "consumers"] as const;
  return {
    name: "queues",
    title: `QUEUES ${String(queues.length)}`,
    columns: [{ title: "name", least: 12 }, ...counts.map((title) => ({ title, isNumber: true })), { title: "" }],
    rows: queues.map((queue) => [
      oneLine(queue.name),
      ...counts.map((count) => figure(queue[count] ?? undefined)),
      oneLine(describePause(queue.paused)),
    ]),
  };
}

function tasksPane({ running, latest, time }: TopSnapshot, view: TopView): Pane {
  const isOfRunning = view.tasks === "running";
  const tasks = isOfRunning ? running : latest;
  return {
    name: "tasks",
    title: isOfRunning ? `RUNNING TASKS ${String(tasks.length)}` : "LATEST TASKS",
    columns: [
      { title: "name", least: 12 },
      { title: "id", least: 8 },
      { title: "state", least: 7 },
      { title: "worker", least: 8 },
      { title: "runtime", isNumber: true },
      { title: "args", least: 4 },
    ],
    rows: tasks.map((task) => [
      oneLine(task.name ?? "?"),
      oneLine(task.uuid),
      oneLine(task.state),
      oneLine(task.worker ?? ""),
      runtimeOf(task, time),
      oneLine([task.args ?? "", task.kwargs === "{}" ? "" : (task.kwargs ?? "")].join(" ").trim()),
    ]),
  };
}

function runtimeOf({ state, started, runtime, timestamp }: TaskInfo, time: number): string {
  if (started === undefined && runtime === undefined) return "";
  if (state === "STARTED") return shortTime(time - (started ?? time));
  const seconds = runtime ?? (timestamp ?? 0) - (started ?? 0);
  return seconds < 0 ? "" : `${seconds.toFixed(3)}s`;
}

/** How many lines each pane gets: the chosen one what the others leave, these no more than their share unless there is room. Where it does not do for all, the chosen one is alone. */
function share(panes: readonly Pane[], chosen: PaneName, rows: number): readonly number[] {
  const wanted = panes.map((pane) => HEAD_ROWS + Math.max(pane.rows.length, 1));
  const most = Math.max(Math.floor(rows * LARGEST_SHARE), LEAST_ROWS);
  const others = panes.map(({ name }, index) => (name === chosen ? 0 : Math.min(wanted[index] ?? 0, most)));
  let left = rows - others.reduce((sum, height) => sum + height, 0);
  if (left < LEAST_ROWS) return panes.map(({ name }) => (name === chosen ? rows : 0));
  const heights = [...others];
  const chosenIndex = panes.findIndex(({ name }) => name === chosen);
  for (const index of [chosenIndex, ...panes.keys()]) {
    const more = Math.min((wanted[index] ?? 0) - (heights[index] ?? 0), left);
    heights[index] = (heights[index] ?? 0) + more;
    left -= more;
  }
  return heights;
}

function linesOf(
  { name, title, columns, rows }: Pane,
  height: number,
  { pane, offset, ...view }: TopView,
): readonly StyledLine[] {
  if (height < 1) return [];
  const isChosen = name === pane;
  const room = Math.max(height - HEAD_ROWS, 0);
  const first = isChosen ? Math.min(offset, Math.max(rows.length - room, 0)) : 0;
  const [header = "", ...body] = fitTable(columns, rows.slice(first, first + room), view.columns);
  const hidden = rows.length - first - body.length;
  const more = [...(first > 0 ? [`${String(first)} above`] : []), ...(hidden > 0 ? [`${String(hidden)} below`] : [])];
  const text = more.length === 0 ? title : `${title}  (${more.join(", ")})`;
  const lines: readonly StyledLine[] = [
    { text, style: isChosen ? "chosen" : "title" },
    { text: header, style: "heading" },
    ...(rows.length === 0 ? [{ text: "none" }] : body.map((row) => ({ text: row }))),
  ];
  return lines.slice(0, height);
}

function figure(value: number | undefined): string {
  return value === undefined ? "?" : String(value);
}

/** `0s`, `59s`, `3m`, `2h`, `4d` */
function shortTime(seconds: number): string {
  const whole = Math.max(Math.floor(seconds), 0);
  if (whole < 60) return `${String(whole)}s`;
  if (whole < 3_600) return `${String(Math.floor(whole / 60))}m`;
  return whole < 86_400 ? `${String(Math.floor(whole / 3_600))}h` : `${String(Math.floor(whole / 86_400))}d`;
}

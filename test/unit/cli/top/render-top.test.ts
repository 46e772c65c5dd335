import { describe, expect, it } from "vitest";
import { columnsOf } from "../../../../src/cli/top/cells.ts";
import { renderTop, type TopView } from "../../../../src/cli/top/render-top.ts";
import { runningTasks, workerLines, type TopSnapshot } from "../../../../src/cli/top/snapshot.ts";
import { clusterBench, START } from "../../events/cluster/cluster-bench.ts";

const PAUSED = { since: "2026-01-01T00:00:00.000Z", by: "ann@h", reason: "\u001bdown" };

const VIEW: TopView = {
  columns: Infinity,
  rows: Infinity,
  pane: "tasks",
  offset: 0,
  tasks: "running",
  isPaused: false,
  enabled: [],
  keys: "",
};

/** A cluster some seconds after its clock began: a worker for each state, and tasks of each kind. */
async function snapshotOf(change: Partial<TopSnapshot> = {}): Promise<TopSnapshot> {
  const { clock, state, tell } = clusterBench();
  const figures = { freq: 60, active: 1, processed: 7, loadavg: [0.5], sw_ident: "celeriac", sw_ver: "1.2.3" };
  tell("worker-heartbeat", { ...figures, hostname: "silent@h", freq: 1 });
  tell("worker-heartbeat", { ...figures, hostname: "up@h" });
  tell("worker-heartbeat", {
    hostname: "wedged@h",
    pid: 9,
    liveness: { state: "wedged", since: START - 80, task: { name: "shop.\u001bpay" } },
  });
  tell("worker-offline", { ...figures, hostname: "ended@h" });
  const call = { name: "shop.pay", args: "(1,)", kwargs: "{'x': 2}" };
  tell("task-received", { uuid: "first", ...call, hostname: "up@h", timestamp: START });
  tell("task-started", { uuid: "first", hostname: "up@h", timestamp: START });
  tell("task-started", { uuid: "longer", hostname: "up@h", timestamp: START - 3_700 });
  tell("task-started", { uuid: "orphan", hostname: "silent@h" });
  tell("task-succeeded", { uuid: "done", name: "shop.done", runtime: 1.5, hostname: "up@h" });
  await clock.advance(5_000);
  return {
    time: clock.now() / 1000,
    broker: "redis://h",
    problem: undefined,
    totals: state.totals,
    rates: { received: 12.34, succeeded: 0, failed: 0 },
    workers: workerLines(state, new Map([["up@h", 4]])),
    queues: [
      { name: "celery", ready: 1_000, delayed: 2, unacked: 3, consumers: 4, paused: null },
      { name: "漢字", ready: 0, delayed: 0, unacked: 0, consumers: null, paused: PAUSED },
    ],
    running: runningTasks(state),
    latest: state.tasks(),
    ...change,
  };
}

async function linesOf(view: Partial<TopView> = {}, change: Partial<TopSnapshot> = {}): Promise<readonly string[]> {
  return renderTop(await snapshotOf(change), { ...VIEW, ...view }).map(({ text }) => text);
}

describe("what `celeriac top` shows", () => {
  it("is the cluster at one moment", async () => {
    expect(await linesOf()).toEqual([
      "celeriac top  redis://h  2026-01-01 00:00:05 UTC",
      "workers 2 here, 2 gone   tasks received 1 (12.3/s), succeeded 1 (0.0/s), failed 0 (0.0/s)",
      "WORKERS 4",
      "name      state                   active/size  processed  load   heard  pid  software",
      "wedged@h  wedged 1m shop.�pay             ?/?          ?     ?  5s ago    9  ?",
      "up@h      up 5s                           1/4          7  0.50  5s ago    1  celeriac 1.2.3",
      "ended@h   gone 5s shut down               1/?          7  0.50  5s ago    1  celeriac 1.2.3",
      "silent@h  gone 5s without a word          1/?          7  0.50  5s ago    1  celeriac 1.2.3",
      "QUEUES 2",
      "name    ready  delayed  unacked  consumers",
      "celery   1000        2        3          4",
      "漢字        0        0        0          ?  paused since 2026-01-01T00:00:00.000Z by ann@h: �down",
      "RUNNING TASKS 2",
      "name      id      state    worker  runtime  args",
      "?         longer  STARTED  up@h         1h",
      "shop.pay  first   STARTED  up@h         5s  (1,) {'x': 2}",
    ]);
  });

  it("is the latest tasks, where they are asked for", async () => {
    const lines = await linesOf({ tasks: "latest" });
    expect(lines.slice(lines.indexOf("LATEST TASKS"))).toEqual([
      "LATEST TASKS",
      "name      id      state    worker    runtime  args",
      "?         done    SUCCESS  up@h       1.500s",
      "?         orphan  STARTED  silent@h       0s",
      "?         longer  STARTED  up@h           1h",
      "shop.pay  first   STARTED  up@h           5s  (1,) {'x': 2}",
    ]);
  });

  it("says why nothing new comes, that it is paused, and what was turned on", async () => {
    const [title, , problem, enabled] = await linesOf(
      { isPaused: true, enabled: ["w@h"] },
      { problem: "It is\u001b[2J away." },
    );
    expect(title).toMatch(/ {2}PAUSED$/);
    expect(problem).toBe("Broker away, trying again: It is�[2J away.");
    expect(enabled).toBe("Task events are on in 1 worker now; off again: celeriac control disable_events");
  });

  it.each([
    [80, 24],
    [100, 14],
    [40, 10],
    [20, 5],
    [7, 2],
    [1, 1],
  ])("fits into %i columns and fills %i rows", async (columns, rows) => {
    const task = { ...(await snapshotOf()).latest[0], args: "'漢字'".repeat(99), name: "a.very.long.name.of.a.task" };
    const latest = Array.from({ length: 100 }, () => task) as TopSnapshot["latest"];
    for (const pane of ["workers", "queues", "tasks"] as const) {
      const lines = await linesOf({ columns, rows, pane, tasks: "latest", keys: "q quit" }, { latest });
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
    }
  });

  it("gives the chosen pane the room that the others leave, and all of it where there is little", async () => {
    const name = (index: number): string => `q${String(index).padStart(2, "0")}`;
    const queues = Array.from({ length: 50 }, (_, index) => ({
      name: name(index),
      ready: 0,
      delayed: 0,
      unacked: 0,
      consumers: 0,
      paused: null,
    }));
    const shownQueues = (lines: readonly string[]): readonly string[] =>
      lines.flatMap((line) => /^q\d\d/.exec(line)?.[0] ?? []);
    expect(shownQueues(await linesOf({ rows: 30, pane: "tasks" }, { queues }))).toHaveLength(16);
    expect(shownQueues(await linesOf({ rows: 30, pane: "workers", tasks: "latest" }, { queues }))).toHaveLength(14);
    const chosen = await linesOf({ rows: 30, pane: "queues", offset: 7 }, { queues });
    expect(shownQueues(chosen)[0]).toBe("q07");
    expect(chosen).toContain("QUEUES 50  (7 above, 27 below)");
    const atTheEnd = await linesOf({ rows: 8, pane: "queues", offset: 49 }, { queues });
    expect(shownQueues(atTheEnd)).toEqual([46, 47, 48, 49].map(name));
    expect(atTheEnd.some((line) => line.startsWith("WORKERS"))).toBe(false);
  });
});

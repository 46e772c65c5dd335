import { describe, expect, it } from "vitest";
import { clusterBench, START } from "./cluster-bench.ts";

const FIGURES = {
  freq: 2,
  active: 1,
  processed: 7,
  loadavg: [0.5, 0.25, 0],
  sw_ident: "py-celery",
  sw_ver: "5.7.0",
  sw_sys: "Linux",
};

describe("a worker in the state of a cluster", () => {
  it("is up from when it is first heard, with what its heartbeats tell", async () => {
    const { clock, state, tell } = clusterBench();
    tell("worker-online", FIGURES);
    await clock.advance(2_000);
    tell("worker-heartbeat", { ...FIGURES, processed: 9 });
    expect(state.workers()).toEqual([
      {
        hostname: "w@h",
        pid: 1,
        state: "up",
        since: START,
        task: undefined,
        saidGoodbye: false,
        freq: 2,
        heartbeats: [START, START + 2],
        clock: 2,
        active: 1,
        processed: 9,
        loadavg: [0.5, 0.25, 0],
        swIdent: "py-celery",
        swVer: "5.7.0",
        swSys: "Linux",
      },
    ]);
    for (let beats = 0; beats < 9; beats += 1) tell("worker-heartbeat", FIGURES);
    expect(state.worker("w@h")?.heartbeats).toHaveLength(4);
  });

  it("is gone when it was silent for twice the time between its heartbeats, since it was last heard; and up again when it is heard", async () => {
    const { clock, state, tell } = clusterBench();
    tell("worker-heartbeat", FIGURES);
    await clock.advance(3_999);
    expect(state.worker("w@h")).toMatchObject({ state: "up", since: START });
    await clock.advance(1);
    expect(state.worker("w@h")).toMatchObject({ state: "gone", since: START, saidGoodbye: false });
    await clock.advance(6_000);
    tell("worker-heartbeat", FIGURES);
    expect(state.worker("w@h")).toMatchObject({ state: "up", since: START + 10 });
  });

  it("is gone when it says so, which no late heartbeat and no late task undoes", async () => {
    const { clock, state, tell } = clusterBench();
    tell("worker-online", FIGURES);
    await clock.advance(1_000);
    tell("worker-offline", { ...FIGURES, clock: 9 });
    const gone = { state: "gone", since: START + 1, saidGoodbye: true };
    tell("worker-heartbeat", { ...FIGURES, clock: 8 });
    tell("task-succeeded", { uuid: "1", clock: 7 });
    expect(state.worker("w@h")).toMatchObject(gone);
    tell("worker-heartbeat", { ...FIGURES, clock: 10 });
    expect(state.worker("w@h")).toMatchObject({ state: "up", since: START + 1, saidGoodbye: false });
  });

  it("is there again when a process of the same pid, which counts anew, has taken its name", async () => {
    const { clock, state, tell } = clusterBench();
    tell("worker-heartbeat", { ...FIGURES, clock: 900 });
    tell("worker-offline", { ...FIGURES, clock: 901 });
    await clock.advance(2_000);
    tell("worker-online", { ...FIGURES, clock: 1, timestamp: START + 9 });
    expect(state.worker("w@h")).toMatchObject({ state: "up", since: START + 2, saidGoodbye: false });
  });

  it("begins a new life as another process, which no message of the former one ends", async () => {
    const { clock, state, tell } = clusterBench();
    tell("worker-online", { ...FIGURES, timestamp: START });
    await clock.advance(1_000);
    tell("worker-online", { pid: 2, freq: 2, processed: 0, timestamp: START + 1, clock: 1 });
    const life = { pid: 2, state: "up", since: START + 1, processed: 0, active: undefined, heartbeats: [START + 1] };
    expect(state.worker("w@h")).toMatchObject(life);
    tell("worker-heartbeat", { ...FIGURES, timestamp: START + 0.5 });
    tell("worker-offline", { ...FIGURES, timestamp: START + 5 });
    expect(state.worker("w@h")).toMatchObject(life);
  });

  it("that no heartbeat told of is known by its tasks, and patience with it is Celery's", async () => {
    const { clock, state, tell } = clusterBench();
    tell("task-sent", { uuid: "1", hostname: "gen1@web" });
    tell("task-received", { uuid: "1" });
    await clock.advance(119_999);
    expect(state.workers()).toMatchObject([{ hostname: "w@h", state: "up", freq: 60, active: undefined }]);
    await clock.advance(1);
    expect(state.worker("w@h")?.state).toBe("gone");
  });

  it("may say that it is busy or wedged, since when and by what", async () => {
    const { clock, state, tell } = clusterBench();
    tell("worker-heartbeat", {
      ...FIGURES,
      liveness: { state: "wedged", since: START - 9, task: { id: "1", name: "shop.pay" } },
    });
    expect(state.worker("w@h")).toMatchObject({ state: "wedged", since: START - 9, task: "shop.pay" });
    tell("worker-heartbeat", { ...FIGURES, liveness: { state: "busy", task: null }, timestamp: START + 3 });
    tell("worker-heartbeat", { ...FIGURES, liveness: { state: "busy" }, timestamp: START + 5 });
    expect(state.worker("w@h")).toMatchObject({ state: "busy", since: START + 3, task: undefined });
    tell("worker-heartbeat", { ...FIGURES, liveness: { state: "rotten" } });
    expect(state.worker("w@h")).toMatchObject({ state: "up", since: START });
    await clock.advance(4_000);
    expect(state.worker("w@h")).toMatchObject({ state: "gone", since: START });
  });

  it("holds nothing that its sender made of the wrong kind", () => {
    const { state, tell } = clusterBench();
    const wrong = { freq: -1, active: "many", processed: null, loadavg: ["x", 1, 2, 3], sw_ident: 7, sw_ver: null };
    tell("worker-heartbeat", { ...wrong, pid: 0 });
    tell("worker-heartbeat", { hostname: "h".repeat(1_001) });
    expect(state.workers()).toMatchObject([
      { pid: undefined, freq: 60, active: undefined, processed: undefined, loadavg: [1, 2], swIdent: "7" },
    ]);
  });
});

describe("the workers of a cluster", () => {
  it("are so many at most: who told nothing of itself for the longest goes first", () => {
    const { state, tell } = clusterBench({ maxWorkers: 2 });
    for (const hostname of ["b@h", "a@h", "b@h", "c@h"]) tell("worker-heartbeat", { hostname });
    expect(state.workers().map(({ hostname }) => hostname)).toEqual(["b@h", "c@h"]);
  });

  it("and tasks tell of changes by a number that grows", () => {
    const { state, tell } = clusterBench();
    const { version } = state;
    tell("worker-heartbeat");
    tell("unknown-thing");
    tell("task-received", { uuid: "1" });
    expect(state.version).toBe(version + 2);
  });

  it.each([{ maxTasks: 0 }, { maxWorkers: 1.5 }])("are not bounded by %o", (options) => {
    expect(() => clusterBench(options)).toThrow(/must be a whole number from 1 on; got/);
  });
});

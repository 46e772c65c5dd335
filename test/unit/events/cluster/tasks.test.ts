import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clusterBench, START } from "./cluster-bench.ts";

const CALL = {
  name: "shop.pay",
  args: "(1,)",
  kwargs: "{'x': 2}",
  root_id: "root",
  parent_id: "parent",
  retries: 0,
  eta: "2026-01-01T00:00:10+00:00",
  expires: null,
};

describe("a task in the state of a cluster", () => {
  it("is sent, received, started, and succeeds", () => {
    const { state, tell } = clusterBench();
    tell("task-sent", { uuid: "1", ...CALL, hostname: "gen7@web", pid: 7, exchange: "", routing_key: "celery" });
    expect(state.task("1")).toMatchObject({ state: "PENDING", client: "gen7@web", worker: undefined });
    tell("task-received", { uuid: "1", ...CALL });
    expect(state.task("1")).toMatchObject({ state: "RECEIVED", worker: "w@h" });
    tell("task-started", { uuid: "1" });
    expect(state.task("1")).toMatchObject({ state: "STARTED" });
    tell("task-succeeded", { uuid: "1", result: "3", runtime: 0.25 });
    expect(state.task("1")).toEqual({
      uuid: "1",
      name: "shop.pay",
      state: "SUCCESS",
      sent: START + 1,
      received: START + 2,
      started: START + 3,
      succeeded: START + 4,
      args: "(1,)",
      kwargs: "{'x': 2}",
      eta: "2026-01-01T00:00:10+00:00",
      retries: 0,
      worker: "w@h",
      client: "gen7@web",
      result: "3",
      runtime: 0.25,
      exchange: "",
      routingKey: "celery",
      rootId: "root",
      parentId: "parent",
      children: [],
      clock: 4,
      timestamp: START + 4,
    });
  });

  it.each([
    ["task-failed", "FAILURE", "failed", { exception: "ValueError('no')", traceback: "Traceback" }],
    ["task-retried", "RETRY", "retried", { exception: "ValueError('no')", traceback: "Traceback" }],
    ["task-revoked", "REVOKED", "revoked", {}],
    ["task-rejected", "REJECTED", "rejected", {}],
  ])("that was started comes by %s into the state %s", (type, taskState, time, fields) => {
    const { state, tell } = clusterBench();
    tell("task-received", { uuid: "1", ...CALL });
    tell("task-started", { uuid: "1" });
    tell(type, { uuid: "1", ...fields });
    expect(state.task("1")).toMatchObject({ state: taskState, [time]: START + 3, timestamp: START + 3, ...fields });
  });

  it("of an event that Celery does not know is in a state of that name", () => {
    const { state, tell } = clusterBench();
    tell("task-started", { uuid: "1" });
    tell("task-half-done", { uuid: "1" });
    expect(state.task("1")?.state).toBe("HALF-DONE");
    tell("task-cancelled", { uuid: "1" });
    expect(state.task("1")?.state).toBe("CANCELLED");
    tell("task-succeeded", { uuid: "1" });
    tell("task-half-done", { uuid: "1" });
    expect(state.task("1")?.state).toBe("SUCCESS");
  });

  const LIFE = [
    ["task-sent", { uuid: "1", ...CALL, hostname: "gen7@web", pid: 7, clock: 0, timestamp: START }],
    ["task-received", { uuid: "1", ...CALL, clock: 1, timestamp: START + 1 }],
    ["task-started", { uuid: "1", clock: 2, timestamp: START + 2 }],
    ["task-retried", { uuid: "1", exception: "Busy()", clock: 3, timestamp: START + 3 }],
    ["task-received", { uuid: "1", ...CALL, retries: 1, hostname: "w2@h", pid: 2, clock: 1, timestamp: START + 4 }],
    ["task-started", { uuid: "1", hostname: "w2@h", pid: 2, clock: 2, timestamp: START + 5 }],
    ["task-succeeded", { uuid: "1", result: "3", hostname: "w2@h", pid: 2, clock: 3, timestamp: START + 6 }],
  ] as const;

  it("ends the same in whatever order its events arrive, also after a retry elsewhere", () => {
    const order = fc.shuffledSubarray([...LIFE], { minLength: LIFE.length });
    fc.assert(
      fc.property(order, (events) => {
        const { state, tell } = clusterBench();
        for (const [type, fields] of events) tell(type, fields);
        expect(state.task("1")).toMatchObject({
          state: "SUCCESS",
          name: "shop.pay",
          worker: "w2@h",
          client: "gen7@web",
          result: "3",
          exception: "Busy()",
          started: START + 5,
          retried: START + 3,
          timestamp: START + 6,
        });
      }),
    );
  });

  it("goes on from a retry in a process of the same pid that counts anew", () => {
    const { state, tell } = clusterBench();
    tell("task-retried", { uuid: "1", clock: 4_002, timestamp: START });
    tell("task-started", { uuid: "1", clock: 41, timestamp: START + 60 });
    expect(state.task("1")?.state).toBe("STARTED");
  });

  it("goes on from a retry, which a late start of the run before does not undo", () => {
    const { state, tell } = clusterBench();
    const [, received, started, retried, again] = LIFE;
    for (const [type, fields] of [received, retried, started]) tell(type, fields);
    expect(state.task("1")?.state).toBe("RETRY");
    tell(...again);
    expect(state.task("1")).toMatchObject({ state: "RECEIVED", retries: 1, worker: "w2@h" });
    tell(...retried);
    expect(state.task("1")).toMatchObject({ state: "RECEIVED", retried: START + 3, worker: "w2@h" });
  });

  it("that its worker gave back after it began waits again", () => {
    const { state, tell } = clusterBench();
    for (const type of ["task-received", "task-started", "task-rejected", "task-received"]) tell(type, { uuid: "1" });
    expect(state.task("1")?.state).toBe("RECEIVED");
  });

  it("is told of by what is left when events are lost", () => {
    const { state, tell } = clusterBench();
    tell("task-succeeded", { uuid: "1", result: "3" });
    expect(state.task("1")).toMatchObject({ state: "SUCCESS", name: undefined, received: undefined, worker: "w@h" });
    tell("task-received", { uuid: "1", ...CALL, timestamp: START });
    expect(state.task("1")).toMatchObject({ state: "SUCCESS", name: "shop.pay", received: START });
  });

  it("has the children that are known, whichever of them came first", () => {
    const { state, tell } = clusterBench();
    tell("task-received", { uuid: "child 1", parent_id: "mother", root_id: "mother" });
    tell("task-received", { uuid: "mother", parent_id: null, root_id: "mother" });
    tell("task-received", { uuid: "child 2", parent_id: "mother", root_id: "mother" });
    expect(state.task("mother")).toMatchObject({ rootId: "mother", children: ["child 1", "child 2"] });
    expect(state.task("child 1")?.children).toEqual([]);
  });

  it("holds nothing that its sender made of the wrong kind or too long", () => {
    const { state, tell } = clusterBench();
    const fields = { name: ["x"], args: [1, "a"], kwargs: { x: true }, retries: "many", root_id: 7, eta: {} };
    tell("task-received", { uuid: "1", ...fields });
    tell("task-failed", { uuid: "1", exception: "x".repeat(1_000_000), runtime: NaN, traceback: false });
    expect(state.task("1")).toMatchObject({ args: "[1, 'a']", kwargs: "{'x': True}", retries: undefined, rootId: "7" });
    expect(state.task("1")).toMatchObject({ runtime: undefined, exception: "x".repeat(10_000), traceback: "False" });
    tell("task-received", { uuid: "2".repeat(1_001) });
    tell("task-received", { uuid: undefined });
    tell("group-received", { uuid: "3" });
    tell("", {});
    expect(state.tasks()).toHaveLength(1);
    expect(state.totals).toMatchObject({ received: 1, failed: 1 });
  });
});

describe("the tasks of a cluster", () => {
  it("are listed newest first, those that fit", () => {
    const { state, tell } = clusterBench();
    tell("task-received", { uuid: "a", name: "one", args: "('Ärger',)" });
    tell("task-received", { uuid: "b", name: "two" });
    tell("task-started", { uuid: "a" });
    tell("task-received", { uuid: "c", name: "one", hostname: "other@h" });
    tell("task-failed", { uuid: "b", exception: "ValueError('(no.')" });
    const ids = (filter?: Parameters<typeof state.tasks>[0]): readonly string[] =>
      state.tasks(filter).map(({ uuid }) => uuid);
    expect(ids()).toEqual(["c", "b", "a"]);
    expect(ids({ limit: 2 })).toEqual(["c", "b"]);
    expect(ids({ name: "one" })).toEqual(["c", "a"]);
    expect(ids({ worker: "w@h" })).toEqual(["b", "a"]);
    expect(ids({ state: "STARTED" })).toEqual(["a"]);
    expect(ids({ name: "one", worker: "other@h", state: "STARTED" })).toEqual([]);
    expect(ids({ text: "äRGER" })).toEqual(["a"]);
    expect(ids({ text: "('(NO." })).toEqual(["b"]);
    expect(ids({ text: "" })).toEqual(["c", "b", "a"]);
  });

  it("are counted by state, name and worker, as they change", () => {
    const { state, tell } = clusterBench();
    tell("task-received", { uuid: "a", name: "one" });
    tell("task-received", { uuid: "b", name: "two" });
    tell("task-started", { uuid: "a" });
    tell("task-succeeded", { uuid: "a" });
    tell("task-received", { uuid: "c", name: "one" });
    tell("task-rejected", { uuid: "c" });
    tell("task-started", { uuid: "c", hostname: "other@h" });
    expect(state.taskCounts()).toEqual({
      byState: new Map(Object.entries({ RECEIVED: 1, SUCCESS: 1, STARTED: 1 })),
      byName: new Map([
        ["one", new Map(Object.entries({ SUCCESS: 1, STARTED: 1 }))],
        ["two", new Map([["RECEIVED", 1]])],
      ]),
      byWorker: new Map([
        ["w@h", new Map(Object.entries({ RECEIVED: 1, SUCCESS: 1 }))],
        ["other@h", new Map([["STARTED", 1]])],
      ]),
    });
    expect(state.totals).toMatchObject({ sent: 0, received: 3, started: 2, succeeded: 1, rejected: 1 });
  });

  it("are so many at most: who has ended goes first, the oldest end before others, then who waits, and who runs last", () => {
    const { state, tell } = clusterBench({ maxTasks: 4 });
    const kept = (): readonly string[] => state.tasks().map(({ uuid }) => uuid);
    tell("task-started", { uuid: "runs" });
    tell("task-received", { uuid: "waits", parent_id: "runs" });
    tell("task-succeeded", { uuid: "ended second" });
    tell("task-received", { uuid: "ended third" });
    tell("task-failed", { uuid: "ended third" });
    tell("task-received", { uuid: "1" });
    expect(kept()).toEqual(["1", "ended third", "waits", "runs"]);
    tell("task-received", { uuid: "2" });
    expect(kept()).toEqual(["2", "1", "waits", "runs"]);
    expect(state.task("runs")?.children).toEqual(["waits"]);
    tell("task-started", { uuid: "3" });
    expect(kept()).toEqual(["3", "2", "1", "runs"]);
    expect(state.task("runs")?.children).toEqual([]);
    for (const uuid of ["2", "1", "4"]) tell("task-started", { uuid });
    expect(kept()).toEqual(["4", "3", "2", "1"]);
    expect(state.taskCounts().byState).toEqual(new Map([["STARTED", 4]]));
  });

  it("stay so many, with the right counts, however many come and go", () => {
    const { state, tell } = clusterBench({ maxTasks: 10 });
    for (let index = 0; index < 1_000; index += 1) {
      tell("task-received", { uuid: `${index}`, name: `task ${index % 3}`, parent_id: `${index - 1}` });
      if (index % 2 === 0) tell("task-succeeded", { uuid: `${index}` });
    }
    expect(state.tasks().map(({ uuid }) => uuid)).toEqual([
      "999",
      "997",
      "995",
      "993",
      "991",
      "989",
      "987",
      "985",
      "983",
      "981",
    ]);
    const { byState, byName } = state.taskCounts();
    expect(byState).toEqual(new Map([["RECEIVED", 10]]));
    expect([...byName.values()].flatMap((counts) => [...counts.values()]).reduce((sum, count) => sum + count)).toBe(10);
  });
});

import { describe, expect, it } from "vitest";
import type { LoopReport } from "../../../../src/worker/liveness/evidence.ts";
import { EvidenceMemory } from "../../../../src/worker/liveness/evidence-memory.ts";
import { runningTask } from "../../../support/running.ts";

const REPORT: LoopReport = {
  phase: "running",
  broker: "open",
  queues: 1,
  polling: { isDue: true, triedAt: 1, answeredAt: 1 },
  idleAt: 0,
  running: 0,
  capacity: 1,
  processed: 0,
  tasks: [],
  since: 0,
  lagMs: 0,
  lamport: 7,
};

function bench() {
  const memory = new EvidenceMemory();
  return { memory, other: new EvidenceMemory(memory.buffer) };
}

describe("a worker's evidence in shared memory", () => {
  it("is nothing before the first beat", () => {
    expect(bench().other.read()).toEqual({ beatAt: 0, report: undefined, begun: undefined });
  });

  it("has the last report, and the task that began last since", () => {
    const { memory, other } = bench();
    memory.noteBeat(5.5, REPORT);
    memory.noteBegun(runningTask("first", "tasks.a", 1));
    memory.noteBegun(runningTask("second", "tasks.a", 2));
    const begun = { id: "second", name: "tasks.a", startedAt: 2 };
    expect(other.read()).toEqual({ beatAt: 5.5, report: REPORT, begun });
    memory.noteBegun(runningTask("日本 🦀", "tasks.ü", 3));
    expect(other.read().begun).toEqual({ id: "日本 🦀", name: "tasks.ü", startedAt: 3 });
    memory.noteEnded();
    expect(other.read().begun).toBeUndefined();
    memory.noteBegun(runningTask("third", "tasks.a", 4));
    memory.noteBeat(6, { ...REPORT, running: 1 });
    expect(other.read()).toEqual({ beatAt: 6, report: { ...REPORT, running: 1 }, begun: undefined });
  });

  it("cuts long texts, and keeps the report before one that is too long", () => {
    const { memory, other } = bench();
    memory.noteBeat(1, REPORT);
    memory.noteBegun(runningTask("i".repeat(10_000), "n".repeat(10_000), 1));
    expect(other.read().begun).toEqual({ id: "i".repeat(128), name: "n".repeat(128), startedAt: 1 });
    memory.noteBeat(2, { ...REPORT, tasks: [{ id: "i".repeat(100_000), name: "n", startedAt: 1 }] });
    expect(other.read()).toMatchObject({ beatAt: 2, report: REPORT, begun: { startedAt: 1 } });
  });

  it("is what it was while it is being written", () => {
    const { memory, other } = bench();
    memory.noteBeat(1, REPORT);
    const before = other.read();
    const version = new Int32Array(memory.buffer, 0, 1);
    Atomics.add(version, 0, 1);
    new Float64Array(memory.buffer, 24, 1)[0] = 99;
    expect(other.read()).toEqual(before);
    Atomics.add(version, 0, 1);
    expect(other.read().beatAt).toBe(99);
  });
});

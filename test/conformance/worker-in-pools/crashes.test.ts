import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { WorkerProcess } from "../../support/cli.ts";
import { errorOf, PATIENCE, PooledBed, POOLED } from "../../support/pooled-bed.ts";
import type { Death } from "../../support/pooled-tasks.ts";

/** Small heaps, so that memory is soon used up. */
const SMALL_HEAP = { NODE_OPTIONS: "--max-old-space-size=160" };
const TEST_TIMEOUT_MS = 90_000;

const NOTHING = { ready: 0, delayed: 0, unacked: 0 };

/** What a task does in each of its deliveries, and what its dead letter says of that. */
const DEATHS: Readonly<Record<"threads" | "processes", readonly (readonly [Death, string, RegExp])[]>> = {
  threads: [
    ["exit", "exited", /^its thread ended with exit code 7/],
    ["memory", "out-of-memory", /^its thread ran out of memory/],
    ["exception", "uncaught-exception", /nobody catches this/],
  ],
  processes: [
    ["exit", "exited", /^its process ended with exit code 7/],
    ["memory", "out-of-memory", /^its process ran out of memory/],
    ["exception", "uncaught-exception", /nobody catches this/],
    ["abort", "exited", /^its process ended with signal SIGABRT/],
    ["kill", "exited", /^its process ended with signal SIGKILL/],
  ],
};

describe.each(["threads", "processes"] as const)("a task that kills its place in %s", (pool) => {
  const deaths = DEATHS[pool];
  let bed: PooledBed;
  let worker: WorkerProcess;
  beforeAll(async () => {
    bed = await PooledBed.open(pool);
    const config = { workerMaxDeliveries: deaths.length };
    worker = await bed.workerProcess(["-c", "2"], { config, env: SMALL_HEAP });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it(
    "is delivered again, then dead-lettered with what happened each time, and nothing beside it is touched",
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const beside = await bed.call("hold", ["beside"]);
      await bed.noted("beside runs");
      const dying = await bed.call(
        "die",
        deaths.map(([death]) => death),
      );
      expect(await errorOf(dying, TEST_TIMEOUT_MS)).toMatchObject({ remoteType: "WorkerLostError" });
      const [letter] = await bed.deadLetters(1);
      expect(letter?.reason.code).toBe("delivery-limit");
      expect(letter?.history).toMatchObject(
        deaths.map(([, code, detail]) => ({ code, detail: expect.stringMatching(detail) as string })),
      );
      expect(deaths.map(([death]) => bed.count(`${death} runs`))).toEqual(deaths.map(() => 1));

      bed.openGate("beside");
      expect(await beside.get(PATIENCE)).toBe("beside");
      expect(bed.count("beside runs")).toBe(1);
    },
  );

  it("is not run again where it was acknowledged early: it has failed", async () => {
    const before = bed.count("exit runs");
    expect(await errorOf(await bed.call("dieEarly", ["exit"]))).toMatchObject({ remoteType: "WorkerLostError" });
    expect(bed.count("exit runs") - before).toBe(1);
    await eventually(async () => expect(await bed.depth()).toEqual(NOTHING), PATIENCE);
  });

  it.skipIf(pool === "processes")("fails where Node refuses that: process.abort (processes: they die)", async () => {
    expect(await errorOf(await bed.call("die", ["abort"]))).toMatchObject({ remoteType: "TypeError" });
  });

  it("leaves its worker as it was", async () => {
    expect(await bed.valueOf("echo", ["well"])).toBe("well");
    expect(await worker.stop()).toBe(0);
  });
});

/** There the place is the worker itself: the next worker takes over. */
describe("a task that kills its inline worker", { timeout: TEST_TIMEOUT_MS }, () => {
  it("is delivered again to others, then dead-lettered", async () => {
    await using bed = await PooledBed.open("inline");
    const start = (): Promise<WorkerProcess> => bed.workerProcess(["-c", "2"], { env: SMALL_HEAP });
    const dying = await bed.call("die", ["exit", "abort", "memory"]);
    for (const end of [7, "SIGABRT", "SIGABRT"]) expect(await (await start()).exit).toBe(end);
    await bed.worker();
    expect(await errorOf(dying, TEST_TIMEOUT_MS)).toMatchObject({ remoteType: "WorkerLostError" });
    const [letter] = await bed.deadLetters(1);
    expect(letter?.reason.code).toBe("delivery-limit");
    expect(letter?.history.map(({ code }) => code)).toEqual(["lease-lost", "lease-lost", "lease-lost"]);
    expect(["exit", "abort", "memory"].map((death) => bed.count(`${death} runs`))).toEqual([1, 1, 1]);
  });

  it("is never run again where it was acknowledged early", async () => {
    await using bed = await PooledBed.open("inline");
    const first = await bed.workerProcess();
    const early = await bed.call("dieEarly", ["exit"]);
    expect(await first.exit).toBe(7);
    await bed.worker();
    expect(await bed.valueOf("echo", ["after"])).toBe("after");
    await eventually(async () => expect(await bed.depth()).toEqual(NOTHING), PATIENCE);
    expect(await early.state()).toBe("PENDING"); // nobody is left who knows of it
    expect(bed.count("exit runs")).toBe(1);
  });

  it("by an exception that nobody catches has it stop in good order, and is handed back uncounted", async () => {
    await using bed = await PooledBed.open("inline");
    const first = await bed.workerProcess(["--grace", "0.2"]);
    await bed.call("die", ["exception"]);
    expect(await first.exit).toBe(1);
    expect(first.log.map(({ msg }) => msg)).toContain("uncaught exception, stopping, running tasks may finish");
    expect(await bed.depth()).toEqual({ ...NOTHING, ready: 1 });
  });
});

describe.each(POOLED)("a worker process with %s on %s", (pool, store) => {
  it("goes on after a rejection that nobody handles, and shows what tasks log and print", async () => {
    await using bed = await PooledBed.open(pool, store);
    await using worker = await bed.workerProcess(["-c", "1"]);
    expect(await bed.valueOf("leaveAlone")).toBe("done");
    await bed.valueOf("print", ["hello to stdout"]);
    await bed.valueOf("log", ["hello to the log"]);
    expect(await bed.valueOf("echo", ["well"])).toBe("well");
    await eventually(() => {
      expect(worker.log).toContainEqual(
        expect.objectContaining({ msg: "unhandled rejection, probably of a task", error: "left alone" }),
      );
      expect(worker.output.stdout).toContain("hello to stdout\n");
      expect(worker.log).toContainEqual(
        expect.objectContaining({ level: "warn", msg: "hello to the log", task: "log", number: 1 }),
      );
    });
    expect(await worker.stop()).toBe(0);
  });
});

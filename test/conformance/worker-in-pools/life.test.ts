import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { PATIENCE, PooledBed, POOLED } from "../../support/pooled-bed.ts";

const NOTHING = { ready: 0, delayed: 0, unacked: 0 };
const TEST_TIMEOUT_MS = 60_000;
/** Half of the lease that there would be without a setting. */
const SOONER_THAN_BY_DEFAULT_MS = 10_000;

describe.each(POOLED)("a worker with %s on %s", { timeout: TEST_TIMEOUT_MS }, (pool, store) => {
  it("stops by finishing what runs, and leaves the rest to others", async () => {
    await using bed = await PooledBed.open(pool, store);
    const worker = await bed.worker({ concurrency: 1 });
    const [first, second] = [await bed.call("hold", ["1"]), await bed.call("hold", ["2"])];
    await bed.noted("1 runs");
    const stopped = worker.stop({ graceMs: PATIENCE.timeoutMs });
    bed.openGate("1");
    await stopped;
    expect(await first.state()).toBe("SUCCESS");
    expect(worker.unfinished).toBe(0);
    expect(await bed.depth()).toEqual({ ...NOTHING, ready: 1 });
    bed.openGate("2");
    await bed.worker({ concurrency: 1 });
    expect(await second.get(PATIENCE)).toBe("2");
    expect(bed.journal).toEqual(["1 runs", "1 is done", "2 runs", "2 is done"]);
  });

  it("hands back what is not finished within its grace, which counts as no delivery", async () => {
    await using bed = await PooledBed.open(pool, store);
    const options = { concurrency: 1, config: { workerMaxDeliveries: 1 } };
    const worker = await bed.worker(options);
    const done = await bed.call("echo", ["done"]);
    const cut = await bed.call(pool === "inline" ? "hold" : "spin", ["cut", null]);
    expect(await done.get(PATIENCE)).toBe("done");
    await bed.noted("cut runs");
    await worker.stop({ graceMs: 100 });
    expect(worker.unfinished).toBe(1);
    expect(await bed.depth()).toEqual({ ...NOTHING, ready: 1 });
    bed.openGate("cut");
    await bed.worker(options);
    expect(await cut.get(PATIENCE)).toBe("cut");
    expect(bed.count("cut runs")).toBe(2);
  });

  it("loses nothing when it is stopped at once in the midst of its work", async () => {
    await using bed = await PooledBed.open(pool, store);
    const results = await Promise.all(Array.from({ length: 12 }, (_, index) => bed.call("echo", [index])));
    const worker = await bed.worker({ concurrency: 3 });
    await results[0]?.get(PATIENCE);
    await worker.stop({ graceMs: 0 });
    await bed.worker({ concurrency: 1 });
    expect(await Promise.all(results.map((result) => result.get(PATIENCE)))).toEqual([...results.keys()]);
    await eventually(async () => expect(await bed.depth()).toEqual(NOTHING));
    await bed.deadLetters(0);
  });

  it("parks a task that it does not know, for the next one that does", async () => {
    await using bed = await PooledBed.open(pool, store);
    const old = await bed.worker({ leavesOut: ["later"] });
    const result = await bed.call("later");
    const [letter] = await bed.deadLetters(1);
    expect(letter?.reason.code).toBe("unknown-task");
    expect(bed.log).toContainEqual(expect.objectContaining({ level: "error" }));
    expect(await result.state()).toBe("PENDING");
    await old.stop();
    await bed.worker();
    expect(await result.get(PATIENCE)).toBe("ran");
    await bed.deadLetters(0);
  });

  it("runs more at once, and fewer, from when it is told to", async () => {
    await using bed = await PooledBed.open(pool, store);
    const worker = await bed.worker({ concurrency: 1 });
    const names = ["1", "2", "3", "4"];
    const results = await Promise.all(names.map((name) => bed.call("hold", [name])));
    const running = (): number =>
      names.filter((name) => bed.count(`${name} runs`) > bed.count(`${name} is done`)).length;
    await eventually(() => expect(running()).toBe(1), PATIENCE);
    expect(await bed.depth()).toMatchObject({ ready: 3, unacked: 1 });
    worker.resize(3);
    await eventually(() => expect(running()).toBe(3), PATIENCE);
    worker.resize(1);
    const [last = ""] = names.filter((name) => bed.count(`${name} runs`) === 0);
    const [first = "", second = "", third = ""] = names.filter((name) => name !== last);
    bed.openGate(first);
    bed.openGate(second);
    await eventually(() => expect(running()).toBe(1), PATIENCE);
    expect(bed.count(`${last} runs`)).toBe(0);
    bed.openGate(third);
    bed.openGate(last);
    for (const result of results) await result.get(PATIENCE);
    expect(bed.journal).toHaveLength(8);
  });
});

describe.each(["threads", "processes"] as const)(
  "the children of a worker with %s",
  { timeout: TEST_TIMEOUT_MS },
  (pool) => {
    it("are replaced after so many tasks, and no task is lost", async () => {
      await using bed = await PooledBed.open(pool);
      await bed.worker({ concurrency: 1, config: { workerMaxTasksPerChild: 2 } });
      const results = await Promise.all(Array.from({ length: 3 }, () => bed.call("place")));
      const places = await Promise.all(results.map((result) => result.get(PATIENCE)));
      const counts = [...new Set(places)].map((place) => places.filter((other) => other === place).length);
      expect(counts.sort()).toEqual([1, 2]);
    });

    it("that cannot be started are no fault of the tasks, which wait until they can", async () => {
      await using bed = await PooledBed.open(pool);
      await bed.worker({ concurrency: 1, config: { workerMaxTasksPerChild: 1, workerMaxDeliveries: 1 } });
      bed.isBroken = true;
      const results = [await bed.call("echo", ["first"]), await bed.call("echo", ["second"])];
      expect(await results[0]?.get(PATIENCE)).toBe("first"); // by a child that was there already
      await eventually(() => {
        const failures = bed.log.filter(({ message }) => message === "a pool's child could not be started");
        expect(failures.length).toBeGreaterThanOrEqual(2);
        expect(failures[0]?.fields["error"]).toContain("the app is broken");
      }, PATIENCE);
      bed.isBroken = false;
      expect(await results[1]?.get(PATIENCE)).toBe("second");
      await bed.deadLetters(0);
    });

    it("are replaced once a task leaves them with so much memory", async () => {
      await using bed = await PooledBed.open(pool);
      await bed.worker({ concurrency: 1, config: { workerMaxMemoryPerChild: 300 * 1024 } });
      const small = await bed.valueOf("grow", [1]);
      const large = await bed.valueOf("grow", [400]);
      expect(large).toBe(small);
      expect(await bed.valueOf("place")).not.toBe(small);
    });
  },
);

/** There it is the worker's process that is worn out. */
describe("a worker process with inline", { timeout: TEST_TIMEOUT_MS }, () => {
  it("is replaced after so many tasks, and no task is lost", async () => {
    await using bed = await PooledBed.open("inline");
    await using worker = await bed.workerProcess(["-c", "1", "--max-tasks-per-child", "2"]);
    const results = await Promise.all(Array.from({ length: 3 }, () => bed.call("place")));
    const places = await Promise.all(results.map((result) => result.get(PATIENCE)));
    expect(new Set(places).size).toBe(2);
    expect(await worker.stop()).toBe(0);
  });

  it("is replaced once a task leaves it with so much memory", async () => {
    await using bed = await PooledBed.open("inline");
    await using worker = await bed.workerProcess(["-c", "1", "--max-memory-per-child", "300MB"]);
    const small = await bed.valueOf("grow", [1]);
    const large = await bed.valueOf("grow", [400]);
    expect(large).toBe(small);
    expect(await bed.valueOf("place")).not.toBe(small);
    expect(await worker.stop()).toBe(0);
  });
});

describe.each(POOLED)("a worker process with %s on %s that is killed", { timeout: TEST_TIMEOUT_MS }, (pool, store) => {
  it("has its tasks taken over when their lease has run out, and leaves no child behind", async () => {
    await using bed = await PooledBed.open(pool, store);
    const worker = await bed.workerProcess(["-c", "1"]);
    const [pid] = String(await bed.valueOf("place")).split("/");
    const loop = await bed.call("spin", ["loop", null]);
    await bed.noted("loop runs");
    expect(await worker.stop("SIGKILL")).toBe("SIGKILL");
    const killedAt = Date.now();
    await eventually(() => expect(isAlive(Number(pid))).toBe(false));

    bed.openGate("loop");
    await bed.worker({ concurrency: 1 });
    expect(await loop.get({ timeoutMs: TEST_TIMEOUT_MS })).toBe("loop");
    expect(bed.journal).toEqual(["loop runs", "loop runs", "loop is done"]);
    expect(Date.now() - killedAt).toBeLessThan(SOONER_THAN_BY_DEFAULT_MS); // leaseTimeout is 2 s here
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

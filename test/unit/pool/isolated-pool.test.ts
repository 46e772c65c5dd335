import { Ending } from "../../../src/util/ending.ts";
import { describe, expect, it } from "vitest";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import { PoolStartError } from "../../../src/pool/errors.ts";
import { IsolatedPool, type IsolatedPoolOptions } from "../../../src/pool/isolated/isolated-pool.ts";
import type { PoolJob, RunOptions } from "../../../src/pool/pool.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { fakeHosts } from "../../support/pool-hosts.ts";
import { recordingLogger } from "../../support/recording-logger.ts";
import { taskRequest } from "../../support/task-request.ts";

const REQUEST = taskRequest();
const JOB: PoolJob = {
  message: encodeTask(REQUEST),
  request: REQUEST,
  delivery: { queue: "q", priority: null, redelivered: false, deliveries: 1, fence: 1 },
};

/** A run has an ending of its own. */
function unlimited(options: Partial<RunOptions> = {}): RunOptions {
  return { ending: new Ending(), softMs: null, hardMs: null, onProgress: () => undefined, ...options };
}

function poolOn({ startHost }: Pick<IsolatedPoolOptions, "startHost">, options: Partial<IsolatedPoolOptions> = {}) {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const program = { url: new URL("file:///program.js"), execArgv: [] };
  const pool = new IsolatedPool({ size: 1, startHost, program, setup: "setup", clock, log, ...options });
  return { pool, clock, lines };
}

describe("a pool of isolated places", () => {
  it("gives a job to no child that has just died, and so blames it for nothing", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost });
    await pool.start();
    if (hosts[0] !== undefined) hosts[0].isEnding = true;
    const running = pool.run(JOB, unlimited());
    await clock.advance(0);
    hosts[1]?.returns("1");
    expect(await running).toMatchObject({ kind: "returned" });
    expect(hosts[0]?.told).not.toContain("run");
  });

  it("gives a job to another child when one dies before it begins it, and blames the job only in the end", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock, lines } = poolOn({ startHost });
    const running = pool.run(JOB, unlimited());
    for (const index of [0, 1, 2]) {
      await clock.advance(0);
      const host = hosts[index];
      expect(host?.told).toEqual(["run"]);
      if (host !== undefined) host.isPrompt = false;
      host?.goes("it went early");
    }
    expect(await running).toMatchObject({ kind: "lost", reason: { code: "exited", detail: "it went early" } });
    expect(hosts).toHaveLength(3);
    expect(lines.map(({ message }) => message)).toEqual([
      "a pool's child died before it began a task, which is given to another",
      "a pool's child died before it began a task, which is given to another",
    ]);
  });

  it("blames a job at once for the death of a child that had begun it", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost });
    const running = pool.run(JOB, unlimited());
    await clock.advance(0);
    hosts[0]?.goes();
    expect(await running).toMatchObject({ kind: "lost", reason: { code: "exited" } });
    expect(hosts).toHaveLength(1);
  });

  it("gives no job to a child that has told of an uncaught exception", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost });
    await pool.start();
    hosts[0]?.says({ kind: "uncaught", error: "left behind" });
    const running = pool.run(JOB, unlimited());
    await clock.advance(0);
    hosts[1]?.returns("1");
    expect(await running).toMatchObject({ kind: "returned" });
    expect(hosts[0]?.told).not.toContain("run");
  });

  it("starts one when it starts, and others when there is work for them", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost }, { size: 3 });
    await pool.start();
    expect(hosts.length).toBe(1);
    const runs = [pool.run(JOB, unlimited()), pool.run(JOB, unlimited())];
    await clock.advance(0);
    expect(hosts.length).toBe(2);
    for (const host of hosts) host.returns("1");
    await Promise.all(runs);
    await pool[Symbol.asyncDispose]();
    expect(hosts.map(({ told }) => told)).toEqual([
      ["run", "end"],
      ["run", "end"],
    ]);
  });

  it("tells a run that is given up, and kills its place when it does not stop soon", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost });
    const given = new Ending();
    const running = pool.run(JOB, unlimited({ ending: given }));
    await clock.advance(0);
    given.end();
    await clock.advance(999);
    expect(hosts[0]).toMatchObject({ told: ["run", "give-up"], isKilled: false });
    await clock.advance(1);
    expect(hosts[0]?.isKilled).toBe(true);
    expect(await running).toEqual({ kind: "aborted" });
  });

  it("keeps the place of a run that was given up and has stopped", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost });
    const given = new Ending();
    const running = pool.run(JOB, unlimited({ ending: given }));
    await clock.advance(0);
    given.end();
    hosts[0]?.returns("1");
    expect(await running).toEqual({ kind: "aborted" });
    const next = pool.run(JOB, unlimited());
    await clock.advance(5_000);
    hosts[0]?.returns("2");
    expect(await next).toMatchObject({ kind: "returned", value: { text: "2" } });
    expect(hosts).toHaveLength(1);
  });

  it("lets a run commit that was not given up, and does not kill it then; the other way round it may not commit", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost }, { size: 2 });
    const committing = pool.run(JOB, unlimited({ hardMs: 10 }));
    await clock.advance(0);
    hosts[0]?.says({ kind: "asks-to-commit" });
    await clock.advance(20);
    hosts[0]?.returns("1");
    expect(await committing).toMatchObject({ kind: "returned" });
    expect(hosts[0]?.commands.at(-1)).toEqual({ kind: "may-commit", isAllowed: true });

    const given = new Ending();
    const givenUp = pool.run(JOB, unlimited({ ending: given }));
    await clock.advance(0);
    given.end();
    hosts[0]?.says({ kind: "asks-to-commit" });
    expect(hosts[0]?.commands.at(-1)).toEqual({ kind: "may-commit", isAllowed: false });
    hosts[0]?.returns("2");
    expect(await givenUp).toEqual({ kind: "aborted" });
  });

  it("gives a commit ten seconds once its run is to be over, and then kills its place and loses it", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost });
    const running = pool.run(JOB, unlimited({ hardMs: 10 }));
    await clock.advance(0);
    hosts[0]?.says({ kind: "asks-to-commit" });
    await clock.advance(10_009);
    expect(hosts[0]?.isKilled).toBe(false);
    await clock.advance(1);
    expect(hosts[0]?.isKilled).toBe(true);
    expect(await running).toMatchObject({ kind: "lost", reason: { code: "stuck-commit" } });
  });

  it("leaves a place that cannot be killed to itself, and says so", async () => {
    const { hosts, startHost } = fakeHosts({ goes: false });
    const { pool, clock, lines } = poolOn({ startHost });
    const running = pool.run(JOB, unlimited({ hardMs: 10 }));
    await clock.advance(10);
    expect(hosts[0]?.isKilled).toBe(true);
    await clock.advance(2_000);
    expect(await running).toEqual({ kind: "timed-out", limitMs: 10 });
    expect(lines.map(({ message }) => message)).toEqual(["a pool's child cannot be ended, and is left to itself"]);
  });

  it("tells of a lost run what its place had when it was last weighed", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost });
    const first = pool.run(JOB, unlimited());
    await clock.advance(0);
    hosts[0]?.returns("1", 300 * 1024 * 1024);
    await first;
    const second = pool.run(JOB, unlimited());
    await clock.advance(0);
    hosts[0]?.goes("its process ended with signal SIGKILL");
    expect(await second).toMatchObject({
      kind: "lost",
      reason: { code: "exited", detail: "its process ended with signal SIGKILL; it had 300 MB when last weighed" },
    });
  });

  it("weighs only when there is a limit, and replaces what is too heavy", async () => {
    const { hosts, startHost } = fakeHosts();
    const { pool, clock } = poolOn({ startHost }, { maxMemoryBytes: 1_000 });
    for (const [index, weight] of [999, 1_000].entries()) {
      const running = pool.run(JOB, unlimited());
      await clock.advance(0);
      expect(hosts[0]?.commands.at(-1)).toMatchObject({ kind: "run", isWeighed: true });
      hosts[0]?.returns("1", weight);
      await running;
      expect(hosts[0]?.told.at(-1)).toBe(["run", "end"][index]);
    }
  });

  it("kills a place that is told to end and does not", async () => {
    const { hosts, startHost } = fakeHosts({ goes: false });
    const { pool, clock } = poolOn({ startHost });
    await pool.start();
    const closing = pool[Symbol.asyncDispose]();
    await clock.advance(1_999);
    expect(hosts[0]?.isKilled).toBe(false);
    await clock.advance(1);
    expect(hosts[0]?.isKilled).toBe(true);
    hosts[0]?.goes();
    await closing;
  });

  it("does not start for a place that is not ready in time", async () => {
    const { hosts, startHost } = fakeHosts({ isReady: false });
    const { pool, clock } = poolOn({ startHost });
    const starting = pool.start().catch((error: unknown) => error);
    await clock.advance(60_000);
    expect(await starting).toBeInstanceOf(PoolStartError);
    expect(hosts[0]?.isKilled).toBe(true);
  });

  it("waits longer and longer before it tries again to make a place, and a job that gets none is lost", async () => {
    const { hosts, startHost } = fakeHosts({ isReady: false });
    const { pool, clock } = poolOn({ startHost });
    for (const [index, longestWaitMs] of [0, 100, 200, 400].entries()) {
      const running = pool.run(JOB, unlimited());
      await clock.advance(longestWaitMs);
      expect(hosts).toHaveLength(index + 1);
      hosts[index]?.goes("it fell over");
      expect(await running).toMatchObject({ kind: "lost", reason: { code: "not-started" } });
    }
  });

  it("loses a job when the system makes no process at all", async () => {
    const startHost = (): never => {
      throw new Error("spawn ENOMEM");
    };
    const { pool, lines } = poolOn({ startHost });
    expect(await pool.run(JOB, unlimited())).toMatchObject({ kind: "lost", reason: { detail: "spawn ENOMEM" } });
    expect(lines[0]?.message).toBe("a pool's child could not be started");
  });

  it("keeps for the next job a place that was ready only after its job had been given up", async () => {
    const { hosts, startHost } = fakeHosts({ isReady: false });
    const { pool, clock } = poolOn({ startHost });
    const given = new Ending();
    const running = pool.run(JOB, unlimited({ ending: given }));
    given.end();
    expect(await running).toEqual({ kind: "aborted" });
    hosts[0]?.says({ kind: "ready" });
    await clock.advance(0);
    const next = pool.run(JOB, unlimited());
    await clock.advance(0);
    expect(hosts[0]?.told).toEqual(["run"]);
    hosts[0]?.returns("1");
    await next;
  });

  it("can be disposed of while a place is made", async () => {
    const { hosts, startHost } = fakeHosts({ isReady: false });
    const { pool, lines } = poolOn({ startHost });
    const running = pool.run(JOB, unlimited());
    await pool[Symbol.asyncDispose]();
    expect(await running).toEqual({ kind: "aborted" });
    expect(hosts[0]?.told).toEqual(["end"]);
    expect(lines).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import { PoolStartError } from "../../../src/pool/errors.ts";
import { IsolatedPool } from "../../../src/pool/isolated/isolated-pool.ts";
import type { PoolJob } from "../../../src/pool/pool.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { silentLogger } from "../../../src/util/logger.ts";
import { Ending } from "../../../src/util/ending.ts";
import { fakeHosts } from "../../support/pool-hosts.ts";
import { taskRequest } from "../../support/task-request.ts";

const REQUEST = taskRequest();
const JOB: PoolJob = {
  message: encodeTask(REQUEST),
  request: REQUEST,
  delivery: { queue: "q", priority: null, redelivered: false, deliveries: 1, fence: 1 },
};

function poolOf(size: number, how?: Parameters<typeof fakeHosts>[0]) {
  const { hosts, startHost } = fakeHosts(how);
  const clock = new FakeClock();
  const program = { url: new URL("file:///program.js"), execArgv: [] };
  const pool = new IsolatedPool({ size, startHost, program, setup: "setup", clock, log: silentLogger });
  const run = (ending = new Ending()) =>
    Promise.resolve(pool.run(JOB, { ending, softMs: null, hardMs: null, onProgress: () => undefined }));
  const told = () => hosts.map(({ told }) => told.join(" "));
  return { pool, clock, hosts, run, told };
}

describe("a pool that is restarted", () => {
  it("puts fresh children in the place of idle ones, one after the other", async () => {
    const { pool, clock, hosts, run, told } = poolOf(2);
    const runs = [run(), run()];
    await clock.advance(0);
    for (const host of hosts) host.returns("1");
    await Promise.all(runs);
    await pool.restart();
    expect(told()).toEqual(["run end", "run end", "", ""]);
    const next = [run(), run()];
    await clock.advance(0);
    expect(told()).toEqual(["run end", "run end", "run", "run"]);
    for (const host of hosts.slice(2)) host.returns("2");
    await Promise.all(next);
    await pool[Symbol.asyncDispose]();
  });

  it("lets a busy child finish its job, and gives it no other", async () => {
    const { pool, clock, hosts, run, told } = poolOf(1);
    const running = run();
    await clock.advance(0);
    await pool.restart();
    expect(told()).toEqual(["run", ""]);
    hosts[0]?.returns("1");
    expect(await running).toMatchObject({ kind: "returned" });
    expect(told()).toEqual(["run end", ""]);
    const next = run();
    await clock.advance(0);
    hosts[1]?.returns("2");
    expect(await next).toMatchObject({ kind: "returned" });
    expect(hosts).toHaveLength(2);
    await pool[Symbol.asyncDispose]();
  });

  it("keeps the children that it has when the app cannot be loaded any more", async () => {
    const how = { isReady: true };
    const { pool, clock, hosts, run, told } = poolOf(1, how);
    await pool.start();
    how.isReady = false;
    const restarting = pool.restart();
    await clock.advance(0);
    hosts[1]?.says({ kind: "unfit", why: "the app is broken" });
    await expect(restarting).rejects.toThrow(PoolStartError);
    const running = run();
    await clock.advance(0);
    hosts[0]?.returns("1");
    expect(await running).toMatchObject({ kind: "returned" });
    expect(told()[0]).toBe("run");
  });

  it("gives no job to a child that is being started when it is told, but the one that it is started for", async () => {
    const how = { isReady: true };
    const { pool, clock, hosts, run, told } = poolOf(2, how);
    how.isReady = false;
    const [running, ending] = [run(), new Ending()];
    const given = run(ending);
    await clock.advance(0);
    how.isReady = true;
    const restarting = pool.restart();
    ending.end();
    expect(await given).toEqual({ kind: "aborted" });
    for (const host of hosts.slice(0, 2)) host.says({ kind: "ready" });
    await restarting;
    await clock.advance(0);
    hosts[0]?.returns("1");
    expect(await running).toMatchObject({ kind: "returned" });
    expect(told().slice(0, 2)).toEqual(["run end", "end"]);
    await pool[Symbol.asyncDispose]();
  });

  it("leaves nothing behind when it is disposed of in the midst of it", async () => {
    const { pool, clock, run, told } = poolOf(2);
    const running = run();
    await clock.advance(0);
    await pool.restart();
    const disposing = pool[Symbol.asyncDispose]();
    await clock.advance(1_000); // cleaning up
    expect(await running).toEqual({ kind: "aborted" });
    await disposing;
    expect(told()[0]).toBe("run give-up");
    await expect(pool.restart()).resolves.toBeUndefined();
  });
});

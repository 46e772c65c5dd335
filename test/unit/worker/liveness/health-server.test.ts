import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LoopReport } from "../../../../src/worker/liveness/evidence.ts";
import { EvidenceMemory } from "../../../../src/worker/liveness/evidence-memory.ts";
import { HealthServer } from "../../../../src/worker/liveness/health-server.ts";
import { Lookout } from "../../../../src/worker/liveness/lookout.ts";
import { SteadyClock } from "../../../support/steady-clock.ts";

let clock: SteadyClock;
let memory: EvidenceMemory;
let server: HealthServer;
beforeEach(async () => {
  clock = new SteadyClock();
  memory = new EvidenceMemory();
  const lookout = new Lookout({ memory, clock, isInline: true });
  const place = { host: "127.0.0.1", port: 0, patienceMs: 60_000 };
  server = await HealthServer.open(place, () => lookout.look());
});
afterEach(() => server[Symbol.asyncDispose]());

function beat(changes: Partial<LoopReport> = {}): void {
  const uptime = clock.uptime();
  const rest = { running: 0, capacity: 2, processed: 0, tasks: [], since: clock.now(), lagMs: 0, lamport: 0 } as const;
  const polling = { isDue: true, triedAt: uptime, answeredAt: uptime };
  memory.noteBeat(uptime, {
    phase: "running",
    broker: "open",
    queues: 1,
    polling,
    idleAt: uptime,
    ...rest,
    ...changes,
  });
}

async function get(path: string, method = "GET"): Promise<readonly [status: number, body: unknown]> {
  const response = await fetch(server.url + path, { method });
  const text = await response.text();
  return [response.status, text === "" ? undefined : (JSON.parse(text) as unknown)];
}

describe("the health endpoint", () => {
  it("says of a worker that consumes that it is live and ready, with the evidence", async () => {
    beat();
    const evidence = { state: "up", running: 0, capacity: 2, last_poll: clock.now() / 1_000, pid: process.pid };
    expect(await get("/live")).toMatchObject([200, { live: true, ...evidence }]);
    expect(await get("/ready?verbose")).toMatchObject([200, { ready: true, why: null, ...evidence }]);
    expect(await get("/ready", "HEAD")).toEqual([200, undefined]);
  });

  it("says of one that does not consume why it is not ready; it is live all the same", async () => {
    expect(await get("/ready")).toMatchObject([503, { ready: false, why: "the worker is starting" }]);
    expect(await get("/live")).toMatchObject([200, { live: true }]);
    beat({ broker: "lost" });
    expect(await get("/ready")).toMatchObject([503, { ready: false, why: "the broker is away" }]);
    expect(await get("/live")).toMatchObject([200, { live: true, state: "up" }]);
  });

  it("has patience with a wedged worker, and an end of it", async () => {
    beat();
    await clock.advance(59_999);
    expect(await get("/ready")).toMatchObject([503, { state: "wedged", why: "event loop blocked" }]);
    expect(await get("/live")).toMatchObject([200, { live: true, state: "wedged", loop_lag: 59.499 }]);
    await clock.advance(1);
    expect(await get("/live")).toMatchObject([503, { live: false, state: "wedged" }]);
    beat();
    expect(await get("/live")).toMatchObject([200, { live: true, state: "up" }]);
  });

  it("answers nothing else", async () => {
    expect(await get("/")).toMatchObject([404, { error: "there are /live and /ready" }]);
    expect(await get("/live", "POST")).toMatchObject([405, {}]);
  });

  it("is refused where another listens", async () => {
    const place = { host: "127.0.0.1", port: Number(new URL(server.url).port), patienceMs: 0 };
    await expect(HealthServer.open(place, () => expect.fail())).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

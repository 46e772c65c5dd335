import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Worker } from "node:worker_threads";
import { LeaseKeeper } from "../../src/broker/leases/lease-keeper.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { CLOSED, countersFor, MODE, RENEWALS, THREAD } from "../support/blocked-renewer.ts";
import { eventually } from "../support/eventually.ts";
import { leaseholders } from "../support/leaseholders.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { typescriptModule } from "../support/typescript-in-build.ts";

const LEASE_MS = 1_500;
let started: Worker[];
let keepers: LeaseKeeper[];
const note = (worker: Worker): unknown => started.push(worker);
let holder: ReturnType<typeof leaseholders>;
beforeEach(() => {
  holder = leaseholders();
  started = [];
  keepers = [];
  process.on("worker", note);
});
afterEach(async () => {
  process.off("worker", note);
  await Promise.all(keepers.map((keeper) => keeper[Symbol.asyncDispose]()));
});

describe("the thread that renews", () => {
  it("is one for all who hold, and ends with the last of them", async () => {
    const sharers = [setUp(), setUp(), setUp()];
    for (const { keeper } of sharers) keeper.hold(leaseholders()("a"), clock.now());
    await eventually(() => expect(sharers.every(({ counters }) => renewalsIn(counters) > 1)).toBe(true));
    expect(new Set(sharers.map(({ counters }) => counters[THREAD])).size).toBe(1);
    expect(started).toHaveLength(1);
    await Promise.all(sharers.map(({ keeper }) => keeper[Symbol.asyncDispose]()));
    expect(sharers.map(({ counters }) => counters[CLOSED])).toEqual([1, 1, 1]);
    expect(started[0]?.threadId).toBe(-1);
  });

  it("starts when it may be needed, once more after it has ended", async () => {
    const { keeper, counters } = setUp();
    await keeper.stop();
    keeper.start();
    keeper.start();
    keeper.hold(holder("a"), clock.now());
    await eventually(() => expect(renewalsIn(counters)).toBeGreaterThan(0));
    expect(started).toHaveLength(2);
  });

  it("renews on time while the event loop is blocked, also what has made its table grow", async () => {
    const { keeper, counters } = setUp();
    keeper.hold(holder("first"), clock.now());
    await eventually(() => expect(renewalsIn(counters)).toBeGreaterThan(0));
    for (let index = 0; index < 1_000; index += 1) keeper.hold(holder(`${index}`.repeat(50)), clock.now());
    const before = renewalsIn(counters);
    const end = clock.now() + LEASE_MS;
    while (clock.now() < end);
    expect(renewalsIn(counters) - before).toBeGreaterThanOrEqual(2 * 1_001);
  });

  it("tells a holder that its lease was lost", async () => {
    const { keeper, counters, onLoop } = setUp();
    const told: string[] = [];
    keeper.hold(
      holder("a", () => told.push("a")),
      clock.now(),
    );
    await eventually(() => expect(renewalsIn(counters)).toBeGreaterThan(0));
    const sofar = onLoop.length;
    counters[MODE] = 3;
    await eventually(() => expect(told).toEqual(["a"]));
    expect(onLoop.length).toBe(sofar);
  });

  it("is stood in for by the event loop while it fails, which is logged once, and takes over again", async () => {
    const { keeper, counters, onLoop, lines } = setUp(1);
    keeper.hold(holder("a"), clock.now());
    await eventually(() => expect(onLoop.length).toBeGreaterThan(1));
    counters[MODE] = 0;
    await eventually(() => expect(renewalsIn(counters)).toBeGreaterThan(2));
    const sofar = onLoop.length;
    const renewed = renewalsIn(counters);
    await eventually(() => expect(renewalsIn(counters)).toBeGreaterThan(renewed + 3));
    expect(onLoop.length).toBe(sofar);
    expect(lines).toEqual([failed("told to fail")]);
  });

  it("is replaced when it ends by itself, and stood in for until then", async () => {
    const { keeper, counters, onLoop, lines } = setUp(2);
    keeper.hold(holder("a"), clock.now());
    await eventually(() => expect(renewalsIn(counters)).toBeGreaterThan(1));
    expect(onLoop.length).toBeGreaterThan(0);
    expect(started).toHaveLength(2);
    expect(lines).toEqual([failed("it ended by itself")]);
  });

  it("is not waited for when its renewer cannot be loaded", async () => {
    const { keeper, onLoop, lines } = setUp(0, "file:///nowhere/renewer.js");
    keeper.hold(holder("a"), clock.now());
    await eventually(() => expect(onLoop.length).toBeGreaterThan(1));
    expect(lines).toEqual([failed(expect.stringContaining("nowhere") as string)]);
  });
});

const RENEWER = typescriptModule(new URL("../support/blocked-renewer.ts", import.meta.url), "openRenewer");

function setUp(mode = 0, module = RENEWER) {
  const counters = countersFor(mode);
  const { log, lines } = recordingLogger();
  const onLoop: (readonly string[])[] = [];
  const renew = async (receipts: readonly string[]): Promise<readonly string[]> => {
    onLoop.push(receipts);
    return [];
  };
  const keeper = new LeaseKeeper({ renew, renewer: { module, data: counters }, leaseMs: LEASE_MS, clock, log });
  keepers.push(keeper);
  keeper.start();
  return { keeper, counters, onLoop, lines };
}

function renewalsIn(counters: Int32Array): number {
  return Atomics.load(counters, RENEWALS);
}

function failed(error: string): unknown {
  const message = "leases not renewed by their thread; the event loop does";
  return { level: "warn", message, fields: { error } };
}

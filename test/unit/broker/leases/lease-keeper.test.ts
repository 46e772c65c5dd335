import { beforeEach, describe, expect, it } from "vitest";

import { BrokerUnavailableError } from "../../../../src/broker/errors.ts";
import { LeaseKeeper } from "../../../../src/broker/leases/lease-keeper.ts";
import type { RenewerSource } from "../../../../src/broker/leases/renewer.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { leaseholders } from "../../../support/leaseholders.ts";
import { recordingLogger } from "../../../support/recording-logger.ts";

const LEASE_MS = 3_000;
/** Three renewals a lease. */
const INTERVAL_MS = 1_000;

let holder: ReturnType<typeof leaseholders>;
beforeEach(() => {
  holder = leaseholders();
});

describe("LeaseKeeper", () => {
  it("renews all that is held in one call per interval, and nothing that was released", async () => {
    const { keeper, clock, renewals } = setUp();
    for (const receipt of ["a", "b", "c"]) keeper.hold(holder(receipt), clock.now());
    await clock.advance(INTERVAL_MS);
    keeper.release(holder("b"));
    await clock.advance(INTERVAL_MS);
    expect(renewals).toEqual([
      ["a", "b", "c"],
      ["a", "c"],
    ]);
  });

  it("sleeps only while something is held, and wakes for what comes later", async () => {
    const { keeper, clock, renewals } = setUp();
    expect(clock.sleeping).toBe(0);
    keeper.hold(holder("a"), clock.now());
    keeper.release(holder("a"));
    await clock.advance(INTERVAL_MS);
    expect([renewals.length, clock.sleeping]).toEqual([0, 0]);
    keeper.hold(holder("b"), clock.now());
    await clock.advance(INTERVAL_MS);
    expect(renewals).toEqual([["b"]]);
  });

  it("tells a holder once that its lease was lost", async () => {
    const lost = new Set(["b"]);
    const { keeper, clock, renewals } = setUp(async (receipts) => receipts.filter((receipt) => lost.has(receipt)));
    const told: string[] = [];
    for (const receipt of ["a", "b"])
      keeper.hold(
        holder(receipt, () => told.push(receipt)),
        clock.now(),
      );
    await clock.advance(2 * INTERVAL_MS);
    expect(told).toEqual(["b"]);
    expect(renewals).toEqual([["a", "b"], ["a"]]);
  });

  it("tells nobody of a lease that was settled while its renewal was under way", async () => {
    const told: string[] = [];
    const { keeper, clock } = setUp(async (receipts) => {
      keeper.release(holder("a"));
      return receipts;
    });
    keeper.hold(
      holder("a", () => told.push("a")),
      clock.now(),
    );
    await clock.advance(INTERVAL_MS);
    expect(told).toEqual([]);
  });

  it("tries again after a failure; only one that is not the broker's absence is logged", async () => {
    const failures = [new BrokerUnavailableError("memory:", "away"), new Error("bug")];
    const { keeper, clock, renewals, lines } = setUp(async () => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return [];
    });
    keeper.hold(holder("a"), clock.now());
    await clock.advance(3 * INTERVAL_MS);
    expect(renewals).toEqual([["a"], ["a"], ["a"]]);
    expect(lines).toEqual([{ level: "error", message: "leases not renewed", fields: { error: "bug" } }]);
  });

  it("renews nothing once disposed", async () => {
    const { keeper, clock, renewals } = setUp();
    keeper.hold(holder("a"), clock.now());
    await keeper[Symbol.asyncDispose]();
    await clock.advance(2 * INTERVAL_MS);
    expect([renewals.length, clock.sleeping]).toEqual([0, 0]);
  });

  it("is sure of a lease that was begun or renewed lately, without asking", async () => {
    const { keeper, clock, renewals } = setUp();
    keeper.hold(holder("a"), clock.now());
    await clock.advance(INTERVAL_MS - 1);
    expect(await keeper.confirm(holder("a"))).toBe(true);
    expect(renewals).toEqual([]);
    await clock.advance(INTERVAL_MS);
    expect(await keeper.confirm(holder("a"))).toBe(true);
    expect(renewals).toEqual([["a"]]);
  });

  it("renews what it cannot be sure of, all that is asked for at once in one call, and tells of what was lost", async () => {
    const lost = new Set(["b"]);
    const { keeper, clock, renewals } = setUp(async (receipts) => receipts.filter((receipt) => lost.has(receipt)));
    const told: string[] = [];
    const longAgo = clock.now() - LEASE_MS;
    for (const receipt of ["a", "b", "c"])
      keeper.hold(
        holder(receipt, () => told.push(receipt)),
        longAgo,
      );
    expect(await Promise.all(["a", "b", "c"].map((receipt) => keeper.confirm(holder(receipt))))).toEqual([
      true,
      false,
      true,
    ]);
    expect(renewals).toEqual([["a", "b", "c"]]);
    expect(told).toEqual(["b"]);
    expect([await keeper.confirm(holder("a")), await keeper.confirm(holder("b"))]).toEqual([true, false]);
    expect(renewals).toHaveLength(1);
  });

  it("is not sure when the time was set back", async () => {
    const { keeper, clock, renewals } = setUp();
    keeper.hold(holder("a"), clock.now() + 3_600_000);
    expect(await keeper.confirm(holder("a"))).toBe(true);
    expect(renewals).toEqual([["a"]]);
  });

  it("rejects a confirmation as the renewal does, and keeps the lease", async () => {
    const failures = [new BrokerUnavailableError("memory:", "away")];
    const { keeper, clock } = setUp(async () => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return [];
    });
    keeper.hold(holder("a"), clock.now() - LEASE_MS);
    await expect(keeper.confirm(holder("a"))).rejects.toThrow(BrokerUnavailableError);
    expect(await keeper.confirm(holder("a"))).toBe(true);
  });

  it("confirms nothing that was released", async () => {
    const { keeper, clock } = setUp();
    keeper.hold(holder("a"), clock.now());
    keeper.release(holder("a"));
    keeper.release(holder("a"));
    expect(await keeper.confirm(holder("a"))).toBe(false);
  });

  it("starts no thread where the clock is not the system's", async () => {
    const started: unknown[] = [];
    const note = (worker: unknown): unknown => started.push(worker);
    process.on("worker", note);
    const { keeper, clock, renewals } = setUp(undefined, { module: "data:text/javascript,", data: undefined });
    keeper.start();
    keeper.hold(holder("a"), clock.now());
    await clock.advance(INTERVAL_MS);
    process.off("worker", note);
    expect([started.length, renewals.length]).toEqual([0, 1]);
  });

  it("says how long the event loop was blocked, once for each time", async () => {
    const clock = new BusyClock();
    const { log, lines } = recordingLogger();
    await using keeper = new LeaseKeeper({ renew: async () => [], leaseMs: LEASE_MS, clock, log });
    keeper.hold(holder("a"), clock.now());
    await clock.advance(10 * INTERVAL_MS);
    clock.block(LEASE_MS);
    await clock.advance(10 * INTERVAL_MS);
    expect(lines).toEqual([
      { level: "warn", message: "event loop was blocked", fields: { blockedMs: LEASE_MS, leaseMs: LEASE_MS } },
    ]);
  });

  it("renews a lease of an hour every 20 s too, as stores shorten what nobody has renewed for a minute", async () => {
    const clock = new FakeClock();
    let renewals = 0;
    const renew = async (): Promise<readonly string[]> => {
      renewals += 1;
      return [];
    };
    const { log } = recordingLogger();
    await using keeper = new LeaseKeeper({ renew, leaseMs: 3_600_000, clock, log });
    keeper.hold(holder("receipt"), clock.now());
    await clock.advance(60_000);
    expect(renewals).toBe(3);
  });
});

/** A fake clock whose uptime goes on while nobody who sleeps is woken. */
class BusyClock extends FakeClock {
  #blockedMs = 0;

  uptime(): number {
    return this.now() + this.#blockedMs;
  }

  block(ms: number): void {
    this.#blockedMs += ms;
  }
}

function setUp(
  answer: (receipts: readonly string[]) => Promise<readonly string[]> = async () => [],
  renewer?: RenewerSource,
) {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const renewals: (readonly string[])[] = [];
  const renew = (receipts: readonly string[]): Promise<readonly string[]> => {
    renewals.push(receipts);
    return answer(receipts);
  };
  return { keeper: new LeaseKeeper({ renew, renewer, leaseMs: LEASE_MS, clock, log }), clock, renewals, lines };
}

import { describe, expect, it } from "vitest";

import { BrokerUnavailableError } from "../../../../src/broker/errors.ts";
import { LeaseKeeper } from "../../../../src/broker/queued/lease-keeper.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";
import { recordingLogger } from "../../../support/recording-logger.ts";

const INTERVAL_MS = 1_000;

describe("LeaseKeeper", () => {
  it("renews all that is held in one call per interval, and nothing that was released", async () => {
    const { keeper, clock, renewals } = setUp();
    for (const receipt of ["a", "b", "c"]) keeper.hold(receipt, nobody);
    await clock.advance(INTERVAL_MS);
    keeper.release("b");
    await clock.advance(INTERVAL_MS);
    expect(renewals).toEqual([
      ["a", "b", "c"],
      ["a", "c"],
    ]);
  });

  it("sleeps only while something is held, and wakes for what comes later", async () => {
    const { keeper, clock, renewals } = setUp();
    expect(clock.sleeping).toBe(0);
    keeper.hold("a", nobody);
    keeper.release("a");
    await clock.advance(INTERVAL_MS);
    expect([renewals.length, clock.sleeping]).toEqual([0, 0]);
    keeper.hold("b", nobody);
    await clock.advance(INTERVAL_MS);
    expect(renewals).toEqual([["b"]]);
  });

  it("tells a holder once that its lease was lost", async () => {
    const lost = new Set(["b"]);
    const { keeper, clock, renewals } = setUp(async (receipts) => receipts.filter((receipt) => lost.has(receipt)));
    const told: string[] = [];
    for (const receipt of ["a", "b"]) keeper.hold(receipt, { leaseLost: () => told.push(receipt) });
    await clock.advance(2 * INTERVAL_MS);
    expect(told).toEqual(["b"]);
    expect(renewals).toEqual([["a", "b"], ["a"]]);
  });

  it("tells nobody of a lease that was settled while its renewal was under way", async () => {
    const told: string[] = [];
    const { keeper, clock } = setUp(async (receipts) => {
      keeper.release("a");
      return receipts;
    });
    keeper.hold("a", { leaseLost: () => told.push("a") });
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
    keeper.hold("a", nobody);
    await clock.advance(3 * INTERVAL_MS);
    expect(renewals).toEqual([["a"], ["a"], ["a"]]);
    expect(lines).toEqual([{ level: "error", message: "leases not renewed", fields: { error: "bug" } }]);
  });

  it("renews nothing once disposed", async () => {
    const { keeper, clock, renewals } = setUp();
    keeper.hold("a", nobody);
    keeper[Symbol.dispose]();
    await clock.advance(2 * INTERVAL_MS);
    expect([renewals.length, clock.sleeping]).toEqual([0, 0]);
  });
});

const nobody = { leaseLost: (): void => undefined };

function setUp(answer: (receipts: readonly string[]) => Promise<readonly string[]> = async () => []) {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const renewals: (readonly string[])[] = [];
  const renew = (receipts: readonly string[]): Promise<readonly string[]> => {
    renewals.push(receipts);
    return answer(receipts);
  };
  return { keeper: new LeaseKeeper({ renew, intervalMs: INTERVAL_MS, clock, log }), clock, renewals, lines };
}

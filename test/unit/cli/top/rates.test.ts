import { expect, it } from "vitest";
import { RateMeter } from "../../../../src/cli/top/rates.ts";
import type { TaskTotals } from "../../../../src/events/cluster/cluster-state.ts";

function totals(received: number): TaskTotals {
  return { sent: 0, received, started: 0, succeeded: received / 2, failed: 0, retried: 0, revoked: 0, rejected: 0 };
}

it("tells what totals grew by in a second, over the last five", () => {
  const meter = new RateMeter();
  expect(meter.rates(totals(1_000), 0)).toBeUndefined();
  expect(meter.rates(totals(1_010), 1_000)).toEqual({ received: 10, succeeded: 5, failed: 0 });
  expect(meter.rates(totals(1_010), 5_000)).toMatchObject({ received: 2 });
  expect(meter.rates(totals(1_010), 6_000)).toMatchObject({ received: 0 });
});

it("begins anew with totals that do", () => {
  const meter = new RateMeter();
  meter.rates(totals(1_000), 0);
  expect(meter.rates(totals(0), 1_000)).toBeUndefined();
  expect(meter.rates(totals(4), 2_000)).toMatchObject({ received: 4 });
});

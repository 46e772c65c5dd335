import type { Clock } from "../../util/clock.ts";
import { systemClock } from "../../util/clock.ts";
import { consumerCases } from "./broker/consumer-cases.ts";
import { contentCases } from "./broker/content-cases.ts";
import { deadLetterCases } from "./broker/dead-letter-cases.ts";
import { delayCases } from "./broker/delay-cases.ts";
import { deliveryCases } from "./broker/delivery-cases.ts";
import { leaseCases } from "./broker/lease-cases.ts";
import { lifeCases } from "./broker/life-cases.ts";
import { queueCases } from "./broker/queue-cases.ts";
import { replayCases } from "./broker/replay-cases.ts";
import { routingCases } from "./broker/routing-cases.ts";
import { uniqueCases } from "./broker/unique-cases.ts";
import { BrokerStage } from "./broker/stage.ts";
import type { BrokerUnderTest } from "./broker/stage.ts";
import { register } from "./cases.ts";
import type { Skip, TestFunction } from "./cases.ts";

export interface BrokerExercise {
  /** Registers a test: vitest's `it`, `node:test`'s `test`. */
  readonly test: TestFunction;
  /** Opens a broker for one test. Its leases must last `leaseMs`. */
  readonly open: (wanted: { readonly leaseMs: number }) => Promise<BrokerUnderTest>;
  /** How long leases last, in milliseconds: shorter makes the suite faster, longer makes it steadier on a busy machine. @default 600 */
  readonly leaseMs?: number;
  /** @default the system clock */
  readonly clock?: Clock;
  /** Tests, by the name behind "subject: ", that this broker cannot pass. */
  readonly skip?: readonly Skip[];
}

/** The definition of `Broker` in tests. Each test opens a broker of its own and uses names of its own. */
export function exerciseBroker(subject: string, exercise: BrokerExercise): void {
  const { test, open, leaseMs = 600, clock = systemClock, skip } = exercise;
  register({
    subject,
    cases: [
      ...deliveryCases,
      ...routingCases,
      ...delayCases,
      ...leaseCases,
      ...consumerCases,
      ...queueCases,
      ...deadLetterCases,
      ...replayCases,
      ...uniqueCases,
      ...contentCases,
      ...lifeCases,
    ],
    test,
    skip,
    open: async () => new BrokerStage(await open({ leaseMs }), clock, leaseMs),
  });
}

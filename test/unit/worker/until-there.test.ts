import { expect, it } from "vitest";
import { BrokerUnavailableError } from "../../../src/broker/errors.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { untilThere } from "../../../src/worker/until-there.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

const REFUSED = new BrokerUnavailableError("x:", "refused", { mayComeBack: true });
const LOADING = new BrokerUnavailableError("x:", "loading", { mayComeBack: true });
const WRONG = new BrokerUnavailableError("x:", "wrong password");

function setUp(...failures: readonly Error[]) {
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const stop = new AbortController();
  let tries = 0;
  const open = async (): Promise<string> => {
    const failure = failures[tries++];
    if (failure !== undefined) throw failure;
    return "open";
  };
  const opened = untilThere(open, { clock, log, signal: stop.signal });
  return { clock, opened, stop, tries: () => tries, told: () => lines.map(({ fields }) => fields["error"]) };
}

it("waits for what may come, pausing longer and longer, and tells each reason once", async () => {
  const many = Array.from({ length: 30 }, () => REFUSED);
  const { clock, opened, tries, told } = setUp(...many, LOADING, LOADING);
  await clock.advance(10_000);
  expect(tries()).toBeLessThan(25);
  await clock.advance(60_000);
  expect(await opened).toBe("open");
  expect(told()).toEqual([REFUSED.message, LOADING.message]);
});

it("does not wait for what will not come by itself", async () => {
  const { clock, opened } = setUp(REFUSED, WRONG);
  const outcome = expect(opened).rejects.toBe(WRONG);
  await clock.advance(1_000);
  await outcome;
});

it("waits no longer than it is to", async () => {
  const { clock, opened, stop } = setUp(REFUSED, REFUSED, REFUSED, REFUSED);
  const outcome = expect(opened).rejects.toThrow("enough");
  await clock.advance(200);
  stop.abort(new Error("enough"));
  await outcome;
});

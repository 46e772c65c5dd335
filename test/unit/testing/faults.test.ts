import { describe, expect, it } from "vitest";
import { BrokerUnavailableError, Celeriac, PublishTimeoutError } from "celeriac";
import { openTestApp, type TestApp } from "celeriac/testing";

interface Seen {
  readonly name: string;
  readonly deliveries: number;
  /** Seconds since the test began. */
  readonly at: number;
}

function newApp() {
  const app = new Celeriac({}, { env: {} });
  const seen: Seen[] = [];
  const start = Date.parse("2026-01-01T00:00:00Z");
  const define = (name: string) =>
    app.task(name, { bind: true }, (ctx) => {
      seen.push({ name, deliveries: ctx.delivery.deliveries, at: (app.clock.now() - start) / 1000 });
      return ctx.delivery.deliveries;
    });
  return { app, seen, work: define("work"), other: define("other") };
}

const LEASE_SECONDS = 20;
const statesOf = (runs: Awaited<ReturnType<TestApp["drain"]>>) => runs.map(({ task, state }) => `${task} ${state}`);

it("refuses a fault for a task that the app does not have: the test would show nothing", async () => {
  const { app } = newApp();
  await using test = openTestApp(app);
  expect(() => test.faults.killBeforeAck({ task: "wrok" })).toThrow(/no task "wrok".*Did you mean "work"/);
});

describe("a worker killed after it took a message", () => {
  it("has run nothing, and the message comes again when its lease has run out", async () => {
    const { app, seen, work } = newApp();
    await using test = openTestApp(app);
    test.faults.killAfterPop();
    await work.delay();
    expect(await test.drain()).toEqual([]);
    await test.advance("19s");
    expect(await test.drain()).toEqual([]);
    await test.advance("1s");
    expect(statesOf(await test.drain())).toEqual(["work SUCCESS"]);
    expect(seen).toEqual([{ name: "work", deliveries: 2, at: LEASE_SECONDS }]);
  });

  it("is waited for when what is scheduled is to run too, and strikes as often as ordered", async () => {
    const { app, seen, work } = newApp();
    await using test = openTestApp(app);
    test.faults.killAfterPop({ times: 2 });
    await work.delay();
    await test.drain({ withScheduled: true });
    expect(seen).toEqual([{ name: "work", deliveries: 3, at: 2 * LEASE_SECONDS }]);
  });
});

describe("a worker killed before its acknowledgement", () => {
  it("has run the task and stored its result, and the task runs again when the lease has run out", async () => {
    const { app, seen, work } = newApp();
    await using test = openTestApp(app);
    test.faults.killBeforeAck();
    const result = await work.delay();
    expect(statesOf(await test.drain())).toEqual(["work LOST"]);
    expect(await result.get()).toBe(1);
    expect(statesOf(await test.drain({ withScheduled: true }))).toEqual(["work SUCCESS"]);
    expect(seen.map(({ deliveries, at }) => [deliveries, at])).toEqual([
      [1, 0],
      [2, LEASE_SECONDS],
    ]);
  });

  it("strikes the named task alone", async () => {
    const { app, seen, work, other } = newApp();
    await using test = openTestApp(app);
    test.faults.killBeforeAck({ task: other });
    await app.sendBatch([work.s(), other.s()]);
    expect(statesOf(await test.drain())).toEqual(["work SUCCESS", "other LOST"]);
    await test.drain({ withScheduled: true });
    expect(seen.map(({ name }) => name)).toEqual(["work", "other", "other"]);
  });

  it("does not go on for ever: a message that kills every worker ends among the dead letters", async () => {
    const { app, seen, work } = newApp();
    await using test = openTestApp(app);
    test.faults.killBeforeAck({ times: Infinity });
    const result = await work.delay();
    const runs = await test.drain({ withScheduled: true, mayFail: true });
    expect(statesOf(runs)).toEqual(["work LOST", "work LOST", "work LOST", "work DEAD-LETTERED"]);
    expect(seen.map(({ deliveries }) => deliveries)).toEqual([1, 2, 3]);
    const letters = await (await app.broker()).deadLetters();
    expect(letters.map(({ reason, message }) => [reason.code, message.properties.correlationId])).toEqual([
      ["delivery-limit", result.id],
    ]);
  });
});

describe("a duplicate", () => {
  it("is the same message once more, right after it was acknowledged", async () => {
    const { app, seen, work } = newApp();
    await using test = openTestApp(app);
    test.faults.duplicate({ times: Infinity });
    await work.delay();
    expect(statesOf(await test.drain())).toEqual(["work SUCCESS", "work SUCCESS"]);
    expect(seen.map(({ deliveries, at }) => [deliveries, at])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(await test.drain({ withScheduled: true })).toEqual([]);
  });
});

describe("a delay", () => {
  it("lets a message arrive late, and others before it", async () => {
    const { app, seen, work, other } = newApp();
    await using test = openTestApp(app);
    test.faults.delay("1m", { task: "work", times: Infinity });
    await app.sendBatch([work.s(), other.s()]);
    await test.drain();
    expect(seen).toEqual([{ name: "other", deliveries: 1, at: 0 }]);
    await test.drain({ withScheduled: true });
    expect(seen[1]).toEqual({ name: "work", deliveries: 1, at: 60 });
  });
});

describe("a broker that is away", () => {
  it("refuses a send once its tries are used up, without the test moving the time", async () => {
    const { app, work } = newApp();
    await using test = openTestApp(app);
    test.faults.brokerAway("1h");
    await expect(work.delay()).rejects.toBeInstanceOf(BrokerUnavailableError);
    expect(app.clock.now()).toBeLessThan(Date.parse("2026-01-01T00:00:02Z"));
    expect(test.sent()).toEqual([]);
    await test.advance("1h");
    await work.delay();
    expect(statesOf(await test.drain())).toEqual(["work SUCCESS"]);
  });

  it("takes a send whose tries outlast it", async () => {
    const { app, work } = newApp();
    await using test = openTestApp(app);
    test.faults.brokerAway(300);
    await work.delay();
    test.assertSent(work, { times: 1 });
    expect(app.clock.now()).toBeGreaterThanOrEqual(Date.parse("2026-01-01T00:00:00.300Z"));
  });

  it("keeps what it had, and a drain waits for it", async () => {
    const { app, seen, work } = newApp();
    await using test = openTestApp(app);
    await work.delay();
    test.faults.brokerAway("5s");
    expect(statesOf(await test.drain())).toEqual(["work SUCCESS"]);
    expect(seen).toEqual([{ name: "work", deliveries: 1, at: 5 }]);
  });

  it("may go while a task runs, which is settled when it is back", async () => {
    const { app, seen, work } = newApp();
    await using test = openTestApp(app);
    const cut = app.task("cut", () => test.faults.brokerAway("1m"));
    await app.sendBatch([cut.s(), work.s()]);
    expect(statesOf(await test.drain())).toEqual(["cut SUCCESS", "work SUCCESS"]);
    expect(seen[0]?.at).toBeGreaterThanOrEqual(60);
    expect(await (await app.broker()).inspect("celery")).toMatchObject({ ready: 0, delayed: 0, unacked: 0 });
  });
});

describe("a broker that is silent", () => {
  it("makes a send reject at its deadline, and publishes nothing of it later", async () => {
    const { app, work } = newApp();
    await using test = openTestApp(app);
    test.faults.brokerSilent("10s");
    await expect(work.delay()).rejects.toBeInstanceOf(PublishTimeoutError);
    expect(app.clock.now()).toBe(Date.parse("2026-01-01T00:00:02Z"));
    expect(await test.drain({ withScheduled: true })).toEqual([]);
    await work.delay();
    expect(statesOf(await test.drain())).toEqual(["work SUCCESS"]);
  });

  it("answers in the end to one who has waited", async () => {
    const { app, work } = newApp();
    await using test = openTestApp(app);
    test.faults.brokerSilent("1s");
    await work.delay();
    expect(statesOf(await test.drain())).toEqual(["work SUCCESS"]);
  });
});

import { AssertionError } from "node:assert";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Celeriac, currentTask, Ignore, Reject, Signature, TaskDefinitionError } from "celeriac";
import { openTestApp, type TestApp } from "celeriac/testing";

/** An app as its own module has it: its broker could not be reached. */
function shop() {
  const app = new Celeriac(
    { broker: "sqlite:/nowhere/at/all.db", requiredEnv: { producer: ["SHOP_BROKER"] } },
    { env: { CELERY_TASK_ALWAYS_EAGER: "1" } },
  );
  const ran: string[] = [];
  const welcome = app.task("mail.welcome", { params: ["name"] }, (name: string) => {
    ran.push(name);
    return `Hello ${name}`;
  });
  const invoice = app.task("shop.invoice", { kwargs: z.object({ order: z.number() }), queue: "money" }, ({ order }) => {
    ran.push(`invoice ${order}`);
  });
  return { app, ran, welcome, invoice };
}

const messageOf = async (act: () => unknown): Promise<string> => {
  try {
    await act();
  } catch (error) {
    expect(error).toBeInstanceOf(AssertionError);
    return (error as AssertionError).message;
  }
  throw new Error("Nothing was thrown.");
};

const statesOf = (runs: Awaited<ReturnType<TestApp["drain"]>>) => runs.map(({ task, state }) => `${task} ${state}`);

describe("an app in a test", () => {
  it("reaches no broker, heeds no environment, and runs nothing until it is told to", async () => {
    const { app, ran, welcome } = shop();
    await using test = openTestApp(app);
    const result = await welcome.delay("Ann");
    expect(ran).toEqual([]);
    expect(await result.state()).toBe("PENDING");
    expect(statesOf(await test.drain())).toEqual(["mail.welcome SUCCESS"]);
    expect(ran).toEqual(["Ann"]);
    expect(await result.get()).toBe("Hello Ann");
  });

  it("starts each test with nothing sent, and goes back to where it was", async () => {
    const { app, ran, welcome } = shop();
    const { clock } = app;
    {
      await using first = openTestApp(app);
      await welcome.delay("Ann");
      expect(first.sent()).toHaveLength(1);
      expect(app.clock).toBe(first.clock);
    }
    expect(app.clock).toBe(clock);
    await using second = openTestApp(app);
    expect(second.sent()).toEqual([]);
    await second.drain();
    expect(ran).toEqual([]);
  });

  it("is in one test at a time", async () => {
    const { app } = shop();
    await using _first = openTestApp(app);
    expect(() => openTestApp(app)).toThrow(TaskDefinitionError);
  });

  it("starts at the time and with the configuration that it is given", async () => {
    const { app, welcome } = shop();
    await using test = openTestApp(app, {
      now: new Date("2030-05-06T07:08:09Z"),
      config: { taskDefaultQueue: "other" },
    });
    await welcome.delay("Ann");
    const [call] = test.sent(welcome);
    expect(call).toMatchObject({ queue: "other", sentAt: new Date("2030-05-06T07:08:09Z") });
  });

  it("brings its resources along", async () => {
    const { app } = shop();
    const story: string[] = [];
    const withLedger = app.resource("ledger", {
      acquire: () => (entry: string) => void story.push(entry),
      commit: () => story.push("committed"),
      rollback: () => story.push("rolled back"),
    });
    const book = withLedger.task("book", { bind: true }, (ctx, entry: string) => {
      ctx.ledger(entry);
      if (entry === "bad") throw new Error("no");
    });
    await using test = openTestApp(withLedger);
    await book.delay("good");
    await test.drain();
    await test.perform(book.s("bad"));
    expect(story).toEqual(["good", "committed", "bad", "rolled back"]);
  });

  it("leaves while a send is waiting for a silent broker", async () => {
    const { app, welcome } = shop();
    const test = openTestApp(app);
    test.faults.brokerSilent("1h");
    const send = welcome.delay("Ann").catch(() => undefined);
    await test[Symbol.asyncDispose]();
    await send;
  });
});

describe("assertSent", () => {
  it("finds a call by what is said of it, and gives it", async () => {
    const { app, welcome, invoice } = shop();
    await using test = openTestApp(app);
    await welcome.applyAsync({ args: ["Ann"], countdownMs: 60_000, priority: 3, headers: { tenant: "a" } });
    await invoice.delay({ order: 7 });
    const [call] = test.assertSent(welcome, {
      args: ["Ann"],
      countdownMs: 60_000,
      priority: 3,
      headers: { tenant: "a" },
    });
    expect(call).toMatchObject({ task: "mail.welcome", eta: new Date("2026-01-01T00:01:00Z"), queue: "celery" });
    test.assertSent("shop.invoice", { kwargs: { order: 7 }, queue: "money", times: 1 });
    test.assertSent("shop.invoice");
  });

  it("takes the runner's matchers for values", async () => {
    const { app, welcome, invoice } = shop();
    await using test = openTestApp(app);
    await welcome.delay("Ann");
    await invoice.delay({ order: 7 });
    test.assertSent(welcome, { args: [expect.stringMatching(/^A/)], id: expect.any(String) as string });
    test.assertSent(invoice, { kwargs: { order: expect.any(Number) } });
    expect(() => test.assertSent(welcome, { args: [expect.any(Number)] })).toThrow(AssertionError);
  });

  it("shows what was sent instead, and the nearest call for comparison", async () => {
    const { app, welcome } = shop();
    await using test = openTestApp(app);
    await welcome.applyAsync({ args: ["Ann"] });
    await welcome.applyAsync({ args: ["Bob"], countdownMs: 1_000 });
    const message = await messageOf(() =>
      test.assertSent(welcome, { args: ["Bob"], queue: "mails", countdownMs: 1_000 }),
    );
    expect(message).toBe(
      [
        "Expected mail.welcome with { args: [ 'Bob' ], queue: 'mails', countdownMs: 1000 } to have been sent, but it was not.",
        "mail.welcome was sent twice:",
        "  mail.welcome with { args: [ 'Ann' ], queue: 'celery' }",
        "  mail.welcome with { args: [ 'Bob' ], queue: 'celery', countdownMs: 1000 }",
      ].join("\n"),
    );
    expect(() => test.assertSent(welcome, { args: ["Bob"], queue: "mails", countdownMs: 1_000 })).toThrow(
      expect.objectContaining({
        actual: { args: ["Bob"], queue: "celery", countdownMs: 1_000 },
        expected: { args: ["Bob"], queue: "mails", countdownMs: 1_000 },
      }),
    );
  });

  it("says when nothing was sent, and what else was, with the name that was probably meant", async () => {
    const { app, welcome } = shop();
    await using test = openTestApp(app);
    expect(await messageOf(() => test.assertSent("mail.welcom"))).toBe(
      "Expected mail.welcom to have been sent, but it was not.\nNothing was sent at all.",
    );
    await welcome.delay("Ann");
    expect(await messageOf(() => test.assertSent("mail.welcom"))).toBe(
      [
        "Expected mail.welcom to have been sent, but it was not.",
        'No call of that task was sent. Did you mean "mail.welcome"? What was sent:',
        "  mail.welcome with { args: [ 'Ann' ], queue: 'celery' }",
      ].join("\n"),
    );
  });

  it("counts when told how often", async () => {
    const { app, welcome } = shop();
    await using test = openTestApp(app);
    await welcome.delay("Ann");
    await welcome.delay("Ann");
    expect(test.assertSent(welcome, { args: ["Ann"], times: 2 })).toHaveLength(2);
    expect(await messageOf(() => test.assertSent(welcome, { times: 1 }))).toContain(
      "to have been sent once, but it was twice.",
    );
  });

  it("does not count a call that a unique key kept from being sent", async () => {
    const { app } = shop();
    const once = app.task("once", { unique: { until: "end" } }, (n: number) => n);
    await using test = openTestApp(app);
    const first = await once.delay(1);
    expect((await once.delay(1)).id).toBe(first.id);
    test.assertSent(once, { times: 1 });
  });

  it("does not take a retry for a call", async () => {
    const { app } = shop();
    const flaky = app.task("flaky", { bind: true, maxRetries: 3 }, (ctx) => {
      if (ctx.retries < 2) throw ctx.retry({ delayMs: 1_000 });
    });
    await using test = openTestApp(app);
    await flaky.delay();
    await test.drain({ withScheduled: true });
    test.assertSent(flaky, { times: 1 });
  });
});

describe("refuteSent", () => {
  it("passes where no such call was sent, and shows those that were", async () => {
    const { app, welcome } = shop();
    await using test = openTestApp(app);
    test.refuteSent(welcome);
    await welcome.delay("Ann");
    test.refuteSent(welcome, { args: ["Bob"] });
    expect(await messageOf(() => test.refuteSent(welcome, { queue: "celery" }))).toBe(
      [
        "Expected mail.welcome with { queue: 'celery' } not to have been sent, but it was once:",
        "  mail.welcome with { args: [ 'Ann' ], queue: 'celery' }",
      ].join("\n"),
    );
  });
});

describe("perform", () => {
  it("runs a call once, across the wire's encoding, and tells how it ended", async () => {
    const { app, welcome } = shop();
    const when = new Date("2026-03-04T05:06:07Z");
    const dated = app.task("dated", (at: Date) => ({ at, again: [at] }));
    const fail = app.task("fail", () => {
      throw new RangeError("too far");
    });
    const shy = app.task("shy", () => {
      throw new Ignore();
    });
    const picky = app.task("picky", () => {
      throw new Reject("not mine");
    });
    await using test = openTestApp(app);
    expect(await test.perform(welcome.s("Ann"))).toEqual({ state: "SUCCESS", result: "Hello Ann" });
    expect(await test.perform(dated.s(when))).toEqual({ state: "SUCCESS", result: { at: when, again: [when] } });
    expect(await test.perform(fail.s())).toMatchObject({ state: "FAILURE", error: { remoteType: "RangeError" } });
    expect(await test.perform(shy.s())).toEqual({ state: "IGNORED" });
    expect(await test.perform(picky.s())).toEqual({ state: "REJECTED", reason: "not mine", requeue: false });
    expect(test.sent()).toEqual([]);
  });

  it("tells of a wanted retry and sends none; the call says how many there were", async () => {
    const { app } = shop();
    const flaky = app.task("flaky", { autoretryFor: [RangeError], maxRetries: 2, retryDelayMs: 5_000 }, () => {
      throw new RangeError("no");
    });
    await using test = openTestApp(app);
    expect(await test.perform(flaky.s())).toMatchObject({
      state: "RETRY",
      delayMs: 5_000,
      error: { message: "RangeError: no" },
    });
    expect(await test.perform(flaky.s().set({ retries: 2 }))).toMatchObject({ state: "FAILURE" });
    expect(await test.drain({ withScheduled: true })).toEqual([]);
  });

  it("refuses what could not be sent, and leaves what the body sends to be asserted", async () => {
    const { app, welcome } = shop();
    const signUp = app.task("sign-up", async (name: string) => {
      await welcome.delay(name);
      return currentTask()?.delivery.queue;
    });
    await using test = openTestApp(app);
    await expect(test.perform(new Signature({ task: "sign-up", args: [() => 1] }))).rejects.toThrow("args[0]");
    expect(await test.perform(signUp.s("Ann"))).toEqual({ state: "SUCCESS", result: "celery" });
    test.assertSent(welcome, { args: ["Ann"] });
  });
});

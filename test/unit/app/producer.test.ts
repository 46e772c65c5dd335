import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import {
  Celeriac,
  ConfigError,
  InvalidSendOptionsError,
  PublishTimeoutError,
  Signature,
  TaskDefinitionError,
  UnknownQueueError,
  UnroutableError,
  type SendOptions,
  type Adapter,
  type CeleriacConfig,
} from "celeriac";
import { memory } from "celeriac/memory";
import type { Broker, Publication } from "../../../src/broker/broker.ts";
import { BrokerUnavailableError } from "../../../src/broker/errors.ts";
import { decodeTask } from "../../../src/message/decode-task.ts";
import type { TaskRequest } from "../../../src/message/task-request.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

const apps: Celeriac[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

interface Published extends Publication {
  readonly request: TaskRequest;
}

/** An app whose broker notes each call of publish, after `before` has had its say. */
function appWithSpy(config: CeleriacConfig = {}, before: () => Promise<void> = () => Promise.resolve()) {
  const clock = new FakeClock();
  const calls: Published[][] = [];
  const inner = memory();
  const adapter: Adapter = {
    ...inner,
    createBroker: (context) => {
      const broker: Broker = inner.createBroker(context);
      const publish = broker.publish.bind(broker);
      broker.publish = async (publications, options) => {
        await before();
        const holders = await publish(publications, options);
        calls.push(publications.map((one) => ({ ...one, request: decodeTask(one.message, { accept: ["json"] }) })));
        return holders;
      };
      return broker;
    },
  };
  const app = new Celeriac({ broker: adapter, ...config }, { env: {}, clock });
  apps.push(app);
  return { app, clock, calls, routes: () => calls.flat().map(({ route }) => route) };
}

describe("where a call goes", () => {
  it("is the default queue, straight past its direct exchange", async () => {
    const { app, routes } = appWithSpy({ taskDefaultQueue: "work" });
    await app.sendTask("any");
    expect(routes()).toEqual([{ exchange: "", routingKey: "work" }]);
  });

  it("is what taskRoutes says, unless the task says otherwise, unless the call does", async () => {
    const { app, routes } = appWithSpy({ taskRoutes: { "video.*": "routed" } });
    app.task("video.plain", () => null);
    app.task("video.own", { queue: "own" }, () => null);
    await app.sendTask("video.plain");
    await app.sendTask("video.own");
    await app.sendTask("video.own", { queue: "called" });
    expect(routes().map(({ routingKey }) => routingKey)).toEqual(["routed", "own", "called"]);
  });

  it("is an exchange that the call names, though the task has a queue", async () => {
    const { app, routes } = appWithSpy({
      taskQueues: [{ name: "news", exchange: "topics", exchangeType: "topic", routingKey: "news.#" }],
    });
    app.task("own", { queue: "own" }, () => null);
    await app.sendTask("own", { exchange: "topics", routingKey: "news.sport" });
    expect(routes()).toEqual([{ exchange: "topics", routingKey: "news.sport" }]);
  });

  it("is refused when no queue would get it, and nothing is published", async () => {
    const { app, calls } = appWithSpy({
      taskQueues: [{ name: "news", exchange: "topics", exchangeType: "topic", routingKey: "news.#" }],
    });
    await expect(app.sendTask("a", { exchange: "topics", routingKey: "weather" })).rejects.toBeInstanceOf(
      UnroutableError,
    );
    expect(calls).toEqual([]);
  });

  it("is no undeclared queue where missing queues are not made", async () => {
    const { app } = appWithSpy({ taskCreateMissingQueues: false });
    await expect(app.sendTask("a", { queue: "typo" })).rejects.toBeInstanceOf(UnknownQueueError);
  });

  it("takes the priority of the call, else the task's, else the route's", async () => {
    const { app, calls } = appWithSpy({ taskRoutes: { "*": { queue: "q", priority: 1 } } });
    app.task("own", { priority: 2 }, () => null);
    await app.sendTask("routed");
    await app.sendTask("own");
    await app.sendTask("own", { priority: 3 });
    expect(calls.flat().map(({ request }) => request.priority)).toEqual([1, 2, 3]);
  });
});

describe("what a call carries", () => {
  it("is all that its options say", async () => {
    const { app, calls, clock } = appWithSpy();
    const eta = new Date(clock.now() + 60_000);
    await app.sendTask("t", {
      args: [1],
      kwargs: { a: 2 },
      taskId: "my-id",
      eta,
      expires: 120_000,
      priority: 4,
      headers: { tenant: "x" },
      retries: 2,
      softTimeLimitMs: 1_000,
      timeLimitMs: 2_000,
      ignoreResult: true,
      shadow: "shown",
      replyTo: "replies",
    });
    const [published] = calls.flat();
    expect(published?.delayMs).toBe(60_000);
    expect(published?.message.properties).toMatchObject({ priority: 4, replyTo: "replies", correlationId: "my-id" });
    expect(published?.request).toMatchObject({
      id: "my-id",
      rootId: "my-id",
      parentId: null,
      args: [1],
      kwargs: { a: 2 },
      eta,
      expires: new Date(clock.now() + 120_000),
      headers: { tenant: "x" },
      retries: 2,
      timeLimit: { softMs: 1_000, hardMs: 2_000 },
      ignoreResult: true,
      shadow: "shown",
      argsRepr: "(1,)",
      kwargsRepr: "{'a': 2}",
    });
  });

  it("is refused when its options contradict each other", async () => {
    const { app, calls } = appWithSpy();
    const contradictions = [
      { countdownMs: 1, eta: new Date() },
      { queue: "a", exchange: "b" },
      { priority: 10 },
      { priority: 1.5 },
      { softTimeLimitMs: 2, timeLimitMs: 1 },
      { eta: new Date(NaN) },
      { eta: "tomorrow" as unknown as Date },
      { countdownMs: 1e20 },
      { expires: NaN },
      { retries: -1 },
      { stamps: ["a"] as never },
      { stamps: { queue: "q" } },
      { timeLimitMs: -5 },
      { softTimeLimitMs: NaN },
      { publishTimeoutMs: 0 },
      { taskId: "" },
      { countdown: 5 } as SendOptions,
    ];
    for (const options of contradictions) {
      await expect(app.sendTask("t", options), JSON.stringify(options)).rejects.toBeInstanceOf(InvalidSendOptionsError);
    }
    expect(calls).toEqual([]);
  });

  it("names a misspelt option and what was meant", async () => {
    const { app } = appWithSpy();
    await expect(app.sendTask("t", { countdown: 5 } as SendOptions)).rejects.toThrow('did you mean "countdownMs"?');
  });
});

describe("what a task is defined with", () => {
  it("is refused when it is misspelt or of the wrong kind", () => {
    const { app } = appWithSpy();
    const wrong = [
      { maxRetrys: 9 },
      { maxRetries: "lots" },
      { maxRetries: -1 },
      { retryDelayMs: -1 },
      { timeLimitMs: "1s" },
    ];
    for (const options of wrong) {
      expect(() => app.task("t", options as object, () => null), JSON.stringify(options)).toThrow(TaskDefinitionError);
    }
  });

  it("is refused when a resource would hide a part of the context", () => {
    const { app } = appWithSpy();
    expect(() => app.resource("log", { acquire: () => 1 })).toThrow(TaskDefinitionError);
  });
});

describe("an app", () => {
  it("prints no environment variables", () => {
    const app = new Celeriac({ broker: "memory:" }, { env: { DATABASE_PASSWORD: "hunter2" } });
    expect(inspect(app, { depth: 9, showHidden: false })).not.toContain("hunter2");
    expect(JSON.stringify(app)).not.toContain("hunter2");
  });
});

describe("publishing", () => {
  it("sends a batch in one call of the broker, each to its own queue", async () => {
    const { app, calls } = appWithSpy();
    const signatures = Array.from(
      { length: 50 },
      (_, i) => new Signature({ task: "t", options: { queue: `q${String(i % 3)}` } }),
    );
    const results = await app.sendBatch(signatures);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.map(({ request }) => request.id)).toEqual(results.map(({ id }) => id));
  });

  it("never takes longer than its deadline, whatever the broker does", async () => {
    const { app, clock } = appWithSpy({ taskPublishTimeoutMs: 500 }, () => new Promise<never>(() => undefined));
    const sending = app.sendTask("t").catch((error: unknown) => error);
    await clock.advance(499);
    expect(await Promise.race([sending, Promise.resolve("waiting")])).toBe("waiting");
    await clock.advance(1);
    expect(await sending).toBeInstanceOf(PublishTimeoutError);
  });

  it("tries again while the broker is away, at the policy's pace, and not when told not to", async () => {
    let away = 2;
    const { app, calls, clock } = appWithSpy({}, () => {
      away -= 1;
      return away >= 0 ? Promise.reject(new BrokerUnavailableError("test:", "away")) : Promise.resolve();
    });
    const sending = app.sendTask("t", { publishRetryPolicy: { intervalStartMs: 10, intervalStepMs: 10 } });
    await clock.advance(30);
    await sending;
    expect(calls).toHaveLength(1);

    away = 1;
    await expect(app.sendTask("t", { publishRetry: false })).rejects.toBeInstanceOf(BrokerUnavailableError);
  });

  it("can be called off by a signal", async () => {
    const { app } = appWithSpy({}, () => new Promise<never>(() => undefined));
    const off = new AbortController();
    const sending = app.sendTask("t", { signal: off.signal });
    off.abort(new Error("request closed"));
    await expect(sending).rejects.toThrow("request closed");
  });

  it("refuses where required environment variables are missing, naming them all", async () => {
    const { app, calls } = appWithSpy({ requiredEnv: { producer: ["QUEUE_SECRET", "TENANT"] } });
    const error: unknown = await app.sendTask("t").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(/QUEUE_SECRET, TENANT/);
    expect(calls).toEqual([]);
  });
});

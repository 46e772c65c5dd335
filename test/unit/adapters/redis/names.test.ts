import { describe, expect, it } from "vitest";
import { FanoutChannels } from "../../../../src/adapters/redis/fanout-channels.ts";
import { ResultKeys } from "../../../../src/adapters/redis/result-keys.ts";

describe("names that are shared with Python", () => {
  it.each([
    ["", "celery-task-meta-id"],
    ["shop", "shop_celery-task-meta-id"],
    ["shop:", "shop:celery-task-meta-id"],
    ["shop-", "shop-celery-task-meta-id"],
  ])("a result's key has the prefix %j as Celery has it", (prefix, key) => {
    const keys = new ResultKeys(prefix);
    expect(keys.meta("id")).toBe(key);
    expect(keys.taskId(key)).toBe("id");
  });

  it("a fanout exchange's channel has the database, the exchange, and the routing key where there is one", () => {
    const channels = new FanoutChannels("shop:", 2);
    expect(channels.name("celery.pidbox", "")).toBe("shop:/2.celery.pidbox");
    const channel = channels.name("celeryev", "worker.heartbeat");
    expect(channel).toBe("shop:/2.celeryev/worker.heartbeat");
    expect(channels.routingKey({ name: "celeryev", type: "topic" }, channel)).toBe("worker.heartbeat");
    expect(channels.routingKey({ name: "celeryev", type: "topic" }, channels.name("celeryev", ""))).toBe("");
  });

  it.each([
    ["fanout", undefined, ["/0.ex", "/0.ex/*"]],
    ["topic", "#", ["/0.ex", "/0.ex/*"]],
    ["topic", "worker.#", ["/0.ex/worker*"]],
    ["topic", "*.sent", ["/0.ex/*.sent"]],
    ["topic", "a.#.b[1]", ["/0.ex/a*b\\[1\\]"]],
    ["direct", "*", ["/0.ex/\\*"]],
  ] as const)(
    "a listener to a %s exchange with %j has patterns that let through all that is meant",
    (type, binding, patterns) => {
      expect(new FanoutChannels("", 0).patterns({ name: "ex", type }, binding)).toEqual(patterns);
    },
  );
});

import { describe, expect, it } from "vitest";
import { Celeriac, ConfigError, TaskDefinitionError, type CeleriacConfig, type RetryPolicy } from "celeriac";
import { resolveConfig } from "../../../src/app/resolve-config.ts";
import { RetryRules } from "../../../src/app/retry-rules.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

const HALF = (): number => 0.5;

function rulesOf(own: RetryPolicy, app: CeleriacConfig = {}): RetryRules {
  return new RetryRules(own, resolveConfig({ code: app }).config, HALF);
}

/** Delays after plain errors. */
function delays(rules: RetryRules, count: number): readonly number[] {
  const { log } = recordingLogger();
  return Array.from({ length: count }, (_, retries) => rules.delayMs(new Error("any"), retries, log));
}

describe("the delay before a retry", () => {
  it("is the task's own, else taskRetryPolicy's, else taskDefaultRetryDelay", () => {
    const app = { taskRetryPolicy: { retryDelayMs: 7 }, taskDefaultRetryDelay: 9 };
    expect(delays(rulesOf({ retryDelayMs: 5 }, app), 2)).toEqual([5, 5]);
    expect(delays(rulesOf({}, app), 2)).toEqual([7, 7]);
    expect(delays(rulesOf({}, { taskDefaultRetryDelay: 9 }), 2)).toEqual([9000, 9000]);
    expect(delays(rulesOf({}), 1)).toEqual([180_000]);
  });

  it("doubles with every retry under backoff, up to the cap (S2-16)", () => {
    const policy = { retryBackoffMs: 1000, retryBackoffMaxMs: 3_600_000, retryJitter: false };
    const seconds = delays(rulesOf(policy), 14).map((delayMs) => delayMs / 1000);
    expect(seconds).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
  });

  it("is drawn from zero to the backoff with jitter, by the numbers it is given (S2-16)", () => {
    expect(delays(rulesOf({ retryBackoffMs: 1000 }), 3)).toEqual([500, 1000, 2000]);
    const rolled = new RetryRules({ retryBackoffMs: 1000 }, resolveConfig().config, Math.random);
    expect(new Set(delays(rolled, 50)).size).toBeGreaterThan(30);
  });

  it("is what the error asks for, where retryDelayFrom finds something", () => {
    const { log } = recordingLogger();
    const rules = rulesOf({
      retryDelayMs: 5,
      retryDelayFrom: (error) => (error as { retryAfter?: number }).retryAfter,
    });
    expect(rules.delayMs({ retryAfter: 1234 }, 0, log)).toBe(1234);
    expect(rules.delayMs({ retryAfter: -1 }, 0, log)).toBe(5);
    expect(rules.delayMs(new Error("plain"), 0, log)).toBe(5);
  });

  it("is the policy's when retryDelayFrom throws, which is logged", () => {
    const { log, lines } = recordingLogger();
    const rules = rulesOf({
      retryDelayMs: 5,
      retryDelayFrom: () => {
        throw new Error("no such header");
      },
    });
    expect(rules.delayMs(new Error("any"), 0, log)).toBe(5);
    expect(lines.map(({ fields }) => fields["error"])).toEqual(["no such header"]);
  });

  it("is a task's plain delay where only the app has a backoff", () => {
    const app = { taskRetryPolicy: { retryBackoffMs: 1000, retryJitter: false } };
    expect(delays(rulesOf({ retryDelayMs: 5 }, app), 2)).toEqual([5, 5]);
    expect(delays(rulesOf({}, app), 2)).toEqual([1000, 2000]);
  });
});

describe("the app's policy", () => {
  class Passing extends Error {}
  const app = { taskRetryPolicy: { autoretryFor: [Passing], maxRetries: 8 } };
  const { log } = recordingLogger();

  it("holds for tasks that say nothing, key by key", () => {
    expect(rulesOf({}, app).maxRetries).toBe(8);
    expect(rulesOf({}, app).appliesTo(new Passing(), log)).toBe(true);
    expect(rulesOf({ maxRetries: 1 }, app).appliesTo(new Passing(), log)).toBe(true);
  });

  it("gives way to a task that opts out, or sets its own limit (S2-19)", () => {
    expect(rulesOf({ autoretryFor: [] }, app).appliesTo(new Passing(), log)).toBe(false);
    expect(rulesOf({ maxRetries: 1000 }, app).maxRetries).toBe(1000);
    expect(rulesOf({ maxRetries: null }, app).maxRetries).toBeNull();
  });

  it("is refused with the key that is wrong", () => {
    expect(() => rulesOf({}, { taskRetryPolicy: { retryBackofMs: 5 } as RetryPolicy })).toThrow(
      /retryBackofMs.*retryBackoffMs/,
    );
    expect(() => rulesOf({}, { taskRetryPolicy: { maxRetries: -1 } })).toThrow(ConfigError);
  });
});

describe("a preview of retries", () => {
  it("tells the delays and when the last comes, as far as there are retries (S2-17)", () => {
    const rules = rulesOf({ retryBackoffMs: 1000, retryBackoffMaxMs: 3000, maxRetries: 4, retryJitter: false });
    expect(rules.preview(10)).toEqual([
      { retry: 1, delayMs: [1000, 1000], latestMs: 1000 },
      { retry: 2, delayMs: [2000, 2000], latestMs: 3000 },
      { retry: 3, delayMs: [3000, 3000], latestMs: 6000 },
      { retry: 4, delayMs: [3000, 3000], latestMs: 9000 },
    ]);
  });

  it("tells between what jitter draws, and ends where it is told without a limit", () => {
    expect(rulesOf({ retryBackoffMs: 1000, maxRetries: null }).preview(2)).toEqual([
      { retry: 1, delayMs: [0, 1000], latestMs: 1000 },
      { retry: 2, delayMs: [0, 2000], latestMs: 3000 },
    ]);
  });

  it("is what app.retryRules gives of a task, and of one that says nothing", () => {
    const app = new Celeriac({ taskRetryPolicy: { retryDelayMs: 10 } }, { env: {} });
    app.task("slow", { retryDelayMs: 60_000, maxRetries: 1 }, () => null);
    expect(app.retryRules("slow").preview(5)).toEqual([{ retry: 1, delayMs: [60_000, 60_000], latestMs: 60_000 }]);
    expect(app.retryRules().preview(1)).toEqual([{ retry: 1, delayMs: [10, 10], latestMs: 10 }]);
    expect(() => app.retryRules("slwo")).toThrow(TaskDefinitionError);
  });
});

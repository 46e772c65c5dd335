import { describe, expect, it } from "vitest";
import { isAutoretried, retryDelayMs } from "../../../src/app/retry-policy.ts";

class NetworkError extends Error {}
class DnsError extends NetworkError {}

describe("which errors are retried by rule", () => {
  it("are those of a named class and its subclasses", () => {
    const policy = { autoretryFor: [NetworkError] };
    expect(isAutoretried(policy, new NetworkError())).toBe(true);
    expect(isAutoretried(policy, new DnsError())).toBe(true);
    expect(isAutoretried(policy, new TypeError())).toBe(false);
  });

  it("are those that a test accepts", () => {
    const isTeapot = (error: unknown): boolean => (error as { status?: number }).status === 418;
    expect(isAutoretried({ autoretryFor: [isTeapot] }, { status: 418 })).toBe(true);
    expect(isAutoretried({ autoretryFor: [isTeapot] }, { status: 500 })).toBe(false);
  });

  it("are none that dontAutoretryFor names, and none without rules", () => {
    expect(isAutoretried({ autoretryFor: [Error], dontAutoretryFor: [DnsError] }, new DnsError())).toBe(false);
    expect(isAutoretried({}, new Error("any"))).toBe(false);
  });
});

describe("the delay before a retry", () => {
  it("is the task's own, else the app's", () => {
    expect(retryDelayMs({ retryDelayMs: 5 }, 0, 180_000)).toBe(5);
    expect(retryDelayMs({}, 7, 180_000)).toBe(180_000);
  });

  it("doubles with every retry under backoff, up to the cap", () => {
    const policy = { retryBackoffMs: 1000, retryBackoffMaxMs: 5000, retryJitter: false };
    expect([0, 1, 2, 3, 40].map((retries) => retryDelayMs(policy, retries, 0))).toEqual([1000, 2000, 4000, 5000, 5000]);
  });

  it("is drawn from zero to the backoff with jitter", () => {
    const delays = Array.from({ length: 200 }, () => retryDelayMs({ retryBackoffMs: 1000 }, 0, 0));
    expect(Math.max(...delays)).toBeLessThanOrEqual(1000);
    expect(Math.min(...delays)).toBeLessThan(500);
    expect(new Set(delays).size).toBeGreaterThan(50);
  });
});

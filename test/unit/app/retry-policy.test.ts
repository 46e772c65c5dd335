import { describe, expect, it } from "vitest";
import { isAutoretried } from "../../../src/app/retry-policy.ts";

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

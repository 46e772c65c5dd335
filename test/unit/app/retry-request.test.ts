import { describe, expect, it } from "vitest";
import { retryRequest } from "../../../src/app/retry-request.ts";
import { failureOf } from "../../../src/backend/failure.ts";
import type { RetryChanges } from "../../../src/pool/pool.ts";
import { taskRequest } from "../../support/task-request.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const BEFORE = new Date(NOW + 1000);

describe("the next run of a task", () => {
  it.each<[string, RetryChanges, Date | null]>([
    ["expires as the last", {}, BEFORE],
    ["expires after so many milliseconds", { expires: 5000 }, new Date(NOW + 5000)],
    ["expires at a moment", { expires: new Date(NOW) }, new Date(NOW)],
    ["never expires", { expires: null }, null],
  ])("%s when its retry says so", (_, changes, expires) => {
    const outcome = { kind: "retry", failure: failureOf(new Error("no")), delayMs: 0, changes } as const;
    expect(retryRequest(taskRequest({ expires: BEFORE }), outcome, NOW).expires).toEqual(expires);
  });
});

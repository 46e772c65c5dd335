import { describe, expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { ignoresResult } from "../../../src/worker/ignores-result.ts";
import { taskRequest } from "../../support/task-request.ts";

describe("whether a call's result is ignored", () => {
  const app = new Celeriac({ broker: "memory:", taskIgnoreResult: true }, { env: {} });
  app.task("kept", { ignoreResult: false }, () => 1);
  app.task("unsaid", () => 1);

  it.each([
    ["kept", false, false],
    ["kept", true, true],
    ["kept", null, false],
    ["unsaid", null, true],
    ["unsaid", false, false],
  ])("is what the call says, else its task, else the app: %s, %s", (task, ignoreResult, expected) => {
    expect(ignoresResult(taskRequest({ task, ignoreResult }), app)).toBe(expected);
  });
});

import { describe, expect, it } from "vitest";
import type { TaskMeta } from "celeriac";
import { taskStatus } from "../../../../examples/test-results/api/task-status.ts";

describe("a task's state over HTTP", () => {
  it("is 206 while the task may still succeed, known or not", () => {
    expect(taskStatus("t", undefined)).toEqual({ code: 206, body: { id: "t", state: "PENDING" } });
    for (const state of ["STARTED", "RETRY", "PROGRESS"]) expect(taskStatus("t", meta({ state })).code).toBe(206);
  });

  it("is 200 with the result of success", () => {
    const success = taskStatus("t", meta({ state: "SUCCESS", result: { runs: [] } }));
    expect(success).toEqual({ code: 200, body: { id: "t", state: "SUCCESS", result: { runs: [] } } });
  });

  it("is 203 with the error of a failure, its traceback line by line", () => {
    const result = { exc_type: "InvalidReportError", exc_message: ["It is empty."], exc_module: "x" };
    expect(taskStatus("t", meta({ state: "FAILURE", result, traceback: "a\n  b\n" }))).toEqual({
      code: 203,
      body: {
        id: "t",
        state: "FAILURE",
        error: { type: "InvalidReportError", message: "It is empty." },
        traceback: ["a", "  b"],
      },
    });
    expect(taskStatus("t", meta({ state: "REVOKED", result: null })).code).toBe(203);
  });
});

function meta(fields: Partial<TaskMeta>): TaskMeta {
  return {
    taskId: "t",
    state: "PENDING",
    result: null,
    traceback: null,
    doneAt: null,
    children: [],
    parentId: null,
    groupId: null,
    ...fields,
  };
}

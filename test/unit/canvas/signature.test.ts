import { describe, expect, it } from "vitest";
import { Signature } from "../../../src/canvas/signature.ts";

describe("a signature", () => {
  it("has Celery's JSON form, with Celery's option names and units", () => {
    const signature = new Signature({
      task: "add",
      args: [1],
      kwargs: { y: 2 },
      options: {
        taskId: "id",
        queue: "q",
        countdownMs: 1_500,
        eta: new Date("2026-01-02T03:04:05.678Z"),
        expires: 60_000,
        timeLimitMs: 2_000,
        softTimeLimitMs: 1_000,
        link: new Signature({ task: "after" }),
        publishTimeoutMs: 5,
      },
      immutable: true,
    });
    expect(signature.toDict()).toEqual({
      task: "add",
      args: [1],
      kwargs: { y: 2 },
      options: {
        task_id: "id",
        queue: "q",
        countdown: 1.5,
        eta: "2026-01-02T03:04:05.678Z",
        expires: 60,
        time_limit: 2,
        soft_time_limit: 1,
        link: [{ task: "after", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }],
      },
      subtask_type: null,
      immutable: true,
    });
  });

  it("is read back as it was written", () => {
    const signature = new Signature({
      task: "add",
      args: [1],
      options: { priority: 3, expires: 60_000, replyTo: "r" },
    });
    expect(Signature.fromDict(signature.toDict())).toEqual(signature);
  });

  it("leaves out options of the wrong type, and those of other versions", () => {
    const options = { queue: 7, eta: "never", priority: "high", link: "none", chain: [], future_option: true };
    const dict = { task: "t", args: [], kwargs: {}, options, subtask_type: null, immutable: false };
    expect(Signature.fromDict(dict).options).toEqual({});
  });

  it("gets the result before its own arguments, unless it is immutable", () => {
    expect(new Signature({ task: "t", args: [2], options: { queue: "q" } }).withFirst(1)).toMatchObject({
      args: [1, 2],
      options: { queue: "q" },
    });
    expect(new Signature({ task: "t", args: [2], immutable: true }).withFirst(1).args).toEqual([2]);
  });

  it("is not changed by setting options", () => {
    const signature = new Signature({ task: "t", options: { queue: "a", priority: 1 } });
    expect(signature.set({ queue: "b" }).options).toEqual({ queue: "b", priority: 1 });
    expect(signature.options).toEqual({ queue: "a", priority: 1 });
  });

  it("stays the member of its group and chord that it came as, whatever is set", () => {
    const body = new Signature({ task: "body" }).toDict();
    const dict = {
      ...new Signature({ task: "member", args: [1] }).toDict(),
      options: { task_id: "t", group_id: "g", group_index: 2, chord: body },
    };
    const member = Signature.fromDict(dict);
    expect(member.membership).toEqual({ groupId: "g", groupIndex: 2, chord: body });
    expect(member.toDict()).toEqual(dict);
    expect(member.set({ priority: 3 }).withFirst(0).toDict()).toEqual({
      ...dict,
      args: [0, 1],
      options: { ...dict.options, priority: 3 },
    });
  });

  it.each([
    [{ chord: { task: "body" } }, undefined],
    [{ group_id: "g" }, { groupId: "g", groupIndex: null, chord: null }],
    [
      { group_id: "g", group_index: null, chord: null },
      { groupId: "g", groupIndex: null, chord: null },
    ],
  ])("is a member only of a group: %j", (options, membership) => {
    expect(Signature.fromDict({ ...new Signature({ task: "t" }).toDict(), options }).membership).toEqual(membership);
  });
});

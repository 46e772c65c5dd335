import { describe, expect, it } from "vitest";
import { chordTaskOf, chordTaskWithin, errbacksWithin, hasChord, tasksWithin } from "../../../src/canvas/unrun.ts";
import { chainDict, chordDict, groupDict, withOptions } from "../../../src/canvas/dicts.ts";
import { UnreadableMessageError } from "../../../src/message/errors.ts";
import { NO_FOLLOW_UPS, type SignatureDict } from "../../../src/message/task-request.ts";
import { taskDict } from "../../support/signature-dict.ts";
import { taskRequest } from "../../support/task-request.ts";

const call = (id: string, options: object = {}): SignatureDict => taskDict(`tasks.${id}`, { task_id: id, ...options });
const idOf = ({ options }: SignatureDict): unknown => options["task_id"];

describe("a signature that never runs", () => {
  it("hands the chord that it is a member of to those that end it", () => {
    const membership = { group_id: "g", group_index: 1, chord: call("body") };
    const counted = (dict: SignatureDict): unknown =>
      tasksWithin(dict).flatMap((task) => chordTaskWithin(task)?.member.taskId ?? []);
    expect(counted(chainDict([call("a"), call("b")], membership))).toEqual(["b"]);
    expect(counted(withOptions(chordDict([call("a")], call("b")), { task_id: "c", ...membership }))).toEqual(["b"]);
    expect(counted(chainDict([call("a"), groupDict([call("b"), call("c")])], membership))).toEqual(["b", "c"]);
  });

  it("counts results where there is a chord in it", () => {
    expect(hasChord(chainDict([call("a"), groupDict([chordDict([], call("b"))])]))).toBe(true);
    expect(hasChord(chainDict([call("a"), groupDict([call("b")])]))).toBe(false);
  });

  it("tells all tasks that somebody may wait for", () => {
    const chord = chordDict([call("c")], call("d"));
    const nested = chainDict([call("a"), groupDict([call("b"), chord])], { chain: [call("e")] });
    expect(tasksWithin(nested).map(idOf)).toEqual(["a", "b", "c", "d", "e"]);
    expect(tasksWithin(call("f", { chain: [call("g")] })).map(idOf)).toEqual(["f", "g"]);
  });

  it("tells whose failure its errbacks hear of", () => {
    const ids = (dict: SignatureDict): unknown =>
      errbacksWithin(dict).map(({ id, errbacks }) => [id, errbacks.map(idOf)]);
    expect(ids(call("a", { link_error: call("x") }))).toEqual([["a", ["x"]]]);
    expect(
      ids(chainDict([call("a", { link_error: call("x") })], { task_id: "chain", link_error: [call("y")] })),
    ).toEqual([["chain", ["x", "y"]]]);
    const endsInGroup = chainDict([call("a", { link_error: call("x") }), groupDict([call("b")])], { task_id: "group" });
    expect(ids(endsInGroup)).toEqual([["a", ["x"]]]);
    const group = groupDict([call("a", { link_error: [call("x")] }), call("b")], { link_error: [call("y")] });
    expect(ids(group)).toEqual([
      ["a", ["x", "y"]],
      ["b", ["y"]],
    ]);
    expect(ids({ ...call("a"), options: { link_error: [call("x")] } })).toEqual([]);
  });

  it.each([
    ["tasks that are no list of signatures", () => tasksWithin({ ...groupDict([]), kwargs: { tasks: [7] } })],
    ["a chain that is none", () => tasksWithin(call("a", { chain: [7] }))],
    ["a chord's body that is none", () => chordTaskWithin(call("a", { group_id: "g", chord: 7 }))],
  ])("is unreadable with %s", (_, read) => {
    expect(read).toThrow(UnreadableMessageError);
  });
});

describe("a task counts in a chord", () => {
  it("by its request, or by the signature that it has not become yet", () => {
    const body = call("body");
    const task = { member: { chordId: "g", taskId: "t", index: 3 }, body };
    const followUps = { ...NO_FOLLOW_UPS, chord: body };
    expect(chordTaskOf(taskRequest({ id: "t", groupId: "g", groupIndex: 3, followUps }))).toEqual(task);
    expect(chordTaskWithin(call("t", { group_id: "g", group_index: 3, chord: body }))).toEqual(task);
    expect(chordTaskWithin(call("t", { group_id: "g", chord: body }))?.member.index).toBeNull();
  });

  it("only with a chord, a group and an id", () => {
    const followUps = { ...NO_FOLLOW_UPS, chord: call("body") };
    expect(chordTaskOf(taskRequest({ groupId: null, followUps }))).toBeUndefined();
    expect(chordTaskOf(taskRequest({ groupId: "g" }))).toBeUndefined();
    expect(chordTaskWithin(call("t", { group_id: "g" }))).toBeUndefined();
    expect(chordTaskWithin(call("t", { chord: call("body") }))).toBeUndefined();
    expect(chordTaskWithin({ ...call("t"), options: { group_id: "g", chord: call("body") } })).toBeUndefined();
  });
});

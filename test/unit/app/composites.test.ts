import { describe, expect, it } from "vitest";
import {
  chordTaskOf,
  chordTaskWithin,
  errbacksWithin,
  leadsOf,
  tasksWithin,
  unsendablePart,
} from "../../../src/app/composites.ts";
import { UnreadableMessageError } from "../../../src/message/errors.ts";
import { NO_FOLLOW_UPS, type SignatureDict } from "../../../src/message/task-request.ts";
import { taskRequest } from "../../support/task-request.ts";

const call = (id: string, options: object = {}): SignatureDict => ({
  ...{ task: `tasks.${id}`, args: [], kwargs: {}, subtask_type: null, immutable: false },
  options: { task_id: id, ...options },
});
const composite = (kind: string, tasks: readonly unknown[], options: object = {}): SignatureDict => ({
  ...{ task: `celery.${kind}`, args: [], subtask_type: kind, immutable: false },
  ...{ kwargs: { tasks }, options: { task_id: kind, ...options } },
});
const chord = (body: SignatureDict): SignatureDict => ({ ...composite("chord", []), kwargs: { header: [], body } });
const idOf = ({ options }: SignatureDict): unknown => options["task_id"];

describe("a signature that came with a message", () => {
  it.each([
    ["a task", call("a"), undefined],
    ["a chain that begins with a task", composite("chain", [call("a"), composite("group", [])]), undefined],
    ["a group of tasks", composite("group", [call("a"), call("b")]), undefined],
    ["a chain that begins with a group", composite("chain", [composite("group", [])]), "group"],
    ["a group with a chain", composite("group", [call("a"), composite("chain", [])]), "chain"],
    ["a chord", chord(call("a")), "chord"],
    ["another kind", composite("starmap", []), "starmap"],
  ])("can be sent, or what cannot is told: %s", (_, dict, unsendable) => {
    expect(unsendablePart(dict)).toBe(unsendable);
  });

  it("begins with itself and its chain, with the first of a chain, or with all of a group", () => {
    const leads = (dict: SignatureDict): unknown =>
      leadsOf(dict).map(({ call: first, chain }) => [first.options.taskId, chain.map(idOf)]);
    const rest = [call("last"), call("later")];
    expect(leads(call("a", { chain: rest }))).toEqual([["a", ["last", "later"]]]);
    expect(leads(composite("chain", [call("a"), call("b"), call("c")], { chain: rest }))).toEqual([
      ["a", ["last", "later", "c", "b"]],
    ]);
    expect(leads(composite("group", [call("a"), call("b")]))).toEqual([
      ["a", []],
      ["b", []],
    ]);
    expect(leads(composite("chain", []))).toEqual([]);
  });

  it("passes a chain's callbacks to its last task, and its errbacks to each", () => {
    const links = { link: [call("back")], link_error: call("errback") };
    const [lead] = leadsOf(composite("chain", [call("a", { link_error: [call("own")] }), call("b")], links));
    const ids = (followUps: unknown): unknown => (followUps as readonly SignatureDict[]).map(idOf);
    expect(ids(lead?.call.options.linkError)).toEqual(["own", "errback"]);
    expect(lead?.call.options.link).toBeUndefined();
    const [last] = lead?.chain ?? [];
    expect(ids(last?.options["link"])).toEqual(["back"]);
    expect(ids(last?.options["link_error"])).toEqual(["errback"]);
  });

  it("tells all tasks that somebody may wait for, of a chord those of the body", () => {
    const nested = composite("chain", [call("a"), composite("group", [call("b"), chord(call("c"))])], {
      chain: [call("d")],
    });
    expect(tasksWithin(nested).map(idOf)).toEqual(["a", "b", "c", "d"]);
    expect(tasksWithin(composite("starmap", [], { task_id: "e" })).map(idOf)).toEqual(["e"]);
  });

  it("tells whose failure its errbacks hear of", () => {
    const ids = (dict: SignatureDict): unknown =>
      errbacksWithin(dict).map(({ id, errbacks }) => [id, errbacks.map(idOf)]);
    expect(ids(call("a", { link_error: call("x") }))).toEqual([["a", ["x"]]]);
    expect(ids(composite("chain", [call("a", { link_error: call("x") })], { link_error: [call("y")] }))).toEqual([
      ["chain", ["y"]],
    ]);
    const group = composite("group", [call("a", { link_error: [call("x")] }), call("b")], { link_error: [call("y")] });
    expect(ids(group)).toEqual([
      ["a", ["x", "y"]],
      ["b", ["y"]],
    ]);
    expect(ids({ ...call("a"), options: { link_error: [call("x")] } })).toEqual([]);
  });

  it.each([
    ["tasks that are no list of signatures", () => leadsOf({ ...composite("group", []), kwargs: { tasks: [7] } })],
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

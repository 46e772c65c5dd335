import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UnreadableResultError } from "../../../src/backend/errors.ts";
import { decodeMeta, encodeMeta, isReady } from "../../../src/backend/task-meta.ts";
import type { TaskMeta } from "../../../src/backend/task-meta.ts";
import { EncodeError } from "../../../src/message/errors.ts";
import { EncodedJson } from "../../../src/message/json.ts";

const SUCCESS: TaskMeta = {
  taskId: "id-1",
  state: "SUCCESS",
  result: 3,
  traceback: null,
  doneAt: new Date("2026-11-22T15:30:23.660Z"),
  children: [],
  parentId: null,
  groupId: null,
};

describe("encodeMeta", () => {
  it("writes Celery's document, without the fields that Celery leaves out", () => {
    expect(JSON.parse(encodeMeta(SUCCESS))).toEqual({
      status: "SUCCESS",
      result: 3,
      traceback: null,
      children: [],
      date_done: "2026-11-22T15:30:23.660000+00:00",
      task_id: "id-1",
    });
  });

  it("writes the ids of group and parent, the children and the extended fields where there are any", () => {
    const extended = { name: "add", args: [1], kwargs: { y: 2 }, worker: "w1@h", retries: 1, queue: "celery" };
    const children = [[["child", null], null]];
    const text = encodeMeta({ ...SUCCESS, groupId: "g", parentId: "p", children, extended });
    expect(JSON.parse(text)).toMatchObject({
      group_id: "g",
      parent_id: "p",
      children: [[["child", null], null]],
      ...extended,
    });
  });

  it("leaves the fraction out where it is zero, as Python does", () => {
    const text = encodeMeta({ ...SUCCESS, doneAt: new Date("2026-11-22T15:30:23.000Z") });
    expect(text).toContain('"date_done":"2026-11-22T15:30:23+00:00"');
    expect(encodeMeta({ ...SUCCESS, doneAt: null })).toContain('"date_done":null');
  });

  it("puts encoded JSON in as it stands", () => {
    expect(encodeMeta({ ...SUCCESS, result: new EncodedJson("[1.0,  2]") })).toContain('"result":[1.0,  2],');
  });

  it("names the field that cannot be written", () => {
    const encode = (): string => encodeMeta({ ...SUCCESS, result: { when: () => 1 } });
    expect(encode).toThrow(EncodeError);
    expect(encode).toThrow("result.when");
  });
});

describe("decodeMeta", () => {
  it("reads what encodeMeta wrote", () => {
    const text = fc.string({ unit: "binary" }).filter((value) => value !== "");
    const metas = fc.record<TaskMeta>({
      taskId: text,
      state: text,
      result: fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.bigInt(), fc.boolean(), fc.constant(null)),
      traceback: fc.option(text),
      doneAt: fc.option(fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })),
      children: fc.array(fc.tuple(fc.tuple(text, fc.option(text)), fc.constant(null))),
      parentId: fc.option(text),
      groupId: fc.option(text),
    });
    fc.assert(
      fc.property(metas, (meta) => {
        expect(normalised(decodeMeta(encodeMeta(meta)))).toEqual(normalised(meta));
      }),
    );
  });

  it("reads what old and new versions of Celery wrote", () => {
    const naive =
      '{"status": "SUCCESS", "result": 1, "traceback": null, "children": null, "date_done": "2020-01-02T03:04:05.678901", "task_id": "t"}';
    expect(decodeMeta(naive)).toEqual({
      ...SUCCESS,
      taskId: "t",
      result: 1,
      doneAt: new Date("2020-01-02T03:04:05.678Z"),
    });
    const offset =
      '{"status": "FAILURE", "result": "boom", "date_done": "2020-01-02T03:04:05+02:00", "task_id": "t", "name": null}';
    expect(decodeMeta(offset)).toMatchObject({
      state: "FAILURE",
      result: "boom",
      doneAt: new Date("2020-01-02T01:04:05Z"),
    });
    const envelope =
      '{"status": "SUCCESS", "date_done": {"__type__": "datetime", "__value__": "2020-01-02T03:04:05+00:00"}, "task_id": "t"}';
    expect(decodeMeta(envelope)).toMatchObject({ result: null, doneAt: new Date("2020-01-02T03:04:05Z") });
  });

  it("reads odd fields of the frame as absent", () => {
    const odd =
      '{"status":"SUCCESS","task_id":"t","traceback":7,"children":{},"date_done":"soon","parent_id":[],"group_id":0,"name":"n","args":"(1,)","kwargs":[],"retries":"2"}';
    expect(decodeMeta(odd)).toEqual({
      ...SUCCESS,
      taskId: "t",
      result: null,
      doneAt: null,
      extended: { name: "n", args: [], kwargs: {}, worker: "", retries: 0, queue: "" },
    });
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    "7",
    '"SUCCESS"',
    "{}",
    '{"status":"SUCCESS"}',
    '{"task_id":"t"}',
    '{"status":1,"task_id":"t"}',
    '{"status":"","task_id":"t"}',
    "\u0000",
    "€".repeat(10),
  ])("says that %j is no result", (text) => {
    expect(() => decodeMeta(text)).toThrow(UnreadableResultError);
  });

  it("either reads any JSON object or says that it cannot", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (result, traceback, dateDone) => {
        const text = JSON.stringify({ status: "SUCCESS", task_id: "t", result, traceback, date_done: dateDone });
        expect(decodeMeta(text).state).toBe("SUCCESS");
      }),
    );
  });

  it("does not let a document set a prototype", () => {
    const meta = decodeMeta(
      '{"status":"SUCCESS","task_id":"t","__proto__":{"parent_id":"evil"},"result":{"__proto__":{"x":1}}}',
    );
    expect(meta.parentId).toBeNull();
    expect(({} as { x?: number }).x).toBeUndefined();
    expect(Object.getPrototypeOf(meta.result)).toBe(Object.prototype);
  });
});

describe("isReady", () => {
  it("is true of the states that end a run", () => {
    const ready = ["PENDING", "RECEIVED", "STARTED", "PROGRESS", "SUCCESS", "FAILURE", "RETRY", "REVOKED"].filter(
      isReady,
    );
    expect(ready).toEqual(["SUCCESS", "FAILURE", "REVOKED"]);
  });
});

/** JSON has one kind of integer: a bigint that fits comes back as a number. */
function normalised(meta: TaskMeta): TaskMeta {
  const { result } = meta;
  const fits = typeof result === "bigint" && Number.isSafeInteger(Number(result));
  return fits ? { ...meta, result: Number(result) } : meta;
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTask } from "../../../src/message/decode-task.ts";
import { UnreadableMessageError } from "../../../src/message/errors.ts";
import type { Message } from "../../../src/message/message.ts";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import { goldenMessage, goldenNames } from "../../support/golden.ts";
import { TASK_ID, taskRequest } from "../../support/task-request.ts";

const ACCEPT = { accept: ["json"] };
const PLAIN = encodeTask(taskRequest({ args: [1] }));

function withBody(body: unknown, headers: Message["headers"] = PLAIN.headers): Message {
  return { ...PLAIN, headers, body: new TextEncoder().encode(JSON.stringify(body)) };
}

function withHeaders(changes: Record<string, unknown>): Message {
  return { ...PLAIN, headers: { ...PLAIN.headers, ...changes } };
}

describe("decoding a message of protocol 2", () => {
  it("fills in what an older or a terser producer leaves out", () => {
    const terse = withBody([["it's"], {}, null], { task: "t", id: "1" });
    expect(decodeTask({ ...terse, properties: {} }, ACCEPT)).toEqual(
      taskRequest({
        task: "t",
        ignoreResult: null,
        id: "1",
        rootId: "1",
        args: ["it's"],
        argsRepr: `("it's",)`,
        origin: "",
        replyTo: null,
        priority: null,
      }),
    );
  });

  it("takes an empty reply queue, eta and root for none, as Celery writes them", () => {
    const message = withHeaders({ eta: "", expires: "", root_id: "" });
    const task = decodeTask({ ...message, properties: { replyTo: "" } }, ACCEPT);
    expect(task).toMatchObject({ eta: null, expires: null, rootId: TASK_ID, replyTo: null });
  });

  it("takes a naive eta as UTC", () => {
    expect(decodeTask(withHeaders({ eta: "2026-01-02T03:04:05.678901" }), ACCEPT).eta).toEqual(
      new Date("2026-01-02T03:04:05.678Z"),
    );
  });

  it("leaves Celery's own headers out of the caller's", () => {
    const headers = { "x-mine": 1, hostname: "h", lang: "py", compression: null };
    expect(decodeTask(withHeaders(headers), ACCEPT).headers).toEqual({ "x-mine": 1 });
  });

  it("takes a single callback for a list of one, and fills in what a signature leaves out", () => {
    const { followUps } = decodeTask(withBody([[], {}, { callbacks: { task: "next", chord_size: 2 } }]), ACCEPT);
    expect(followUps.callbacks).toEqual([
      { task: "next", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false, chord_size: 2 },
    ]);
  });

  it("keeps prototypes out of reach", () => {
    const headers = JSON.parse(
      `{"task": "t", "id": "1", "__proto__": {"shadow": "evil", "polluted": 1}}`,
    ) as Message["headers"];
    const body = new TextEncoder().encode(
      '[[], {"__proto__": {"polluted": 1}}, {"__proto__": {"chord": 5}, "callbacks": null}]',
    );
    const task = decodeTask({ ...PLAIN, headers, body }, ACCEPT);
    expect(task.shadow).toBeNull();
    expect(task.followUps.chord).toBeNull();
    expect(Object.hasOwn(task.kwargs, "__proto__")).toBe(true);
    for (const object of [task, task.kwargs, task.headers, {}]) expect(object).not.toHaveProperty("polluted");
  });
});

describe("decoding a message of protocol 1", () => {
  const V1 = { task: "t", id: "1", args: [1], kwargs: {}, utc: true };

  it("takes the group from either of its names, and the headers for the caller's", () => {
    const message = withBody({ ...V1, taskset: "g" }, { "x-mine": 1 });
    expect(decodeTask(message, ACCEPT)).toMatchObject({ groupId: "g", headers: { "x-mine": 1 }, rootId: "1" });
    expect(decodeTask(withBody({ ...V1, group: "g" }, {}), ACCEPT).groupId).toBe("g");
  });

  it("reads the hybrid: headers of protocol 2 on a body of protocol 1", () => {
    const body = { ...V1, id: "of the body", retries: 3, callbacks: [{ task: "next" }] };
    const task = decodeTask(withBody(body, { task: "t", id: "of the headers", "x-mine": 1 }), ACCEPT);
    expect(task).toMatchObject({ id: "of the headers", retries: 3, args: [1], headers: { "x-mine": 1 } });
    expect(task.followUps.callbacks).toHaveLength(1);
  });
});

describe("a message that cannot be read", () => {
  const embed = (changes: object): Message => withBody([[], {}, changes]);

  it.each<[string, Message]>([
    ["its content type is", { ...PLAIN, contentType: "text/plain" }],
    ["is a Python pickle", { ...PLAIN, contentType: "application/x-python-serialize" }],
    ["is not UTF-8", { ...PLAIN, body: new Uint8Array([0x5b, 0xff, 0x5d]) }],
    ["its JSON is broken", { ...PLAIN, body: new Uint8Array() }],
    ["its JSON is broken", { ...PLAIN, body: PLAIN.body.subarray(0, -1) }],
    ["nested", { ...PLAIN, body: new TextEncoder().encode("[".repeat(1_000_000)) }],
    ['header "compression" is not text', withHeaders({ compression: 5 })],
    ["cannot be decompressed", withHeaders({ compression: "gzip" })],
    ["not a list of args, kwargs and embed", withBody({})],
    ["not a list of args, kwargs and embed", withBody([[], {}])],
    ["not a list of args, kwargs and embed", withBody("text")],
    ["positional arguments are not a list", withBody([{}, {}, {}])],
    ["keyword arguments are not an object", withBody([[], [], {}])],
    ["keyword arguments are not an object", withBody([[], { __type__: "bytes", __value__: "x" }, {}])],
    ["keyword arguments are not an object", withBody([[], { __type__: "decimal", __value__: "1" }, {}])],
    ["third element of its body", withBody([[], {}, []])],
    ["headers are not an object", { ...PLAIN, headers: null as unknown as Message["headers"] }],
    ['header "id" is missing', withHeaders({ id: null })],
    ['header "id" is missing', withHeaders({ id: "" })],
    ['header "id" is not text', withHeaders({ id: 5 })],
    ['header "task" is missing', withHeaders({ task: null })],
    ['header "task" is not text', withHeaders({ task: {} })],
    ['header "retries" is not a whole number', withHeaders({ retries: "1" })],
    ['header "retries" is not a whole number', withHeaders({ retries: -1 })],
    ['header "group_index" is not a whole number', withHeaders({ group_index: 1.5 })],
    ['header "eta" is not a date', withHeaders({ eta: "soon" })],
    ['header "eta" is not text', withHeaders({ eta: 5 })],
    ['header "expires" is not a date', withHeaders({ expires: "2026-02-30T00:00:00" })],
    ['header "timelimit" is not a list', withHeaders({ timelimit: 5 })],
    ['header "timelimit" is not [hard, soft]', withHeaders({ timelimit: ["5", null] })],
    ['header "timelimit" is not [hard, soft]', withHeaders({ timelimit: [-1, null] })],
    ['header "ignore_result" is neither', withHeaders({ ignore_result: "no" })],
    ['header "stamps" is not an object', withHeaders({ stamps: [] })],
    ['property "priority"', { ...PLAIN, properties: { priority: "high" as unknown as number } }],
    ["callbacks is not a signature", embed({ callbacks: "next" })],
    ["callbacks[1] is not a signature", embed({ callbacks: [{ task: "a" }, null] })],
    ['errbacks[0] field "task" is missing', embed({ errbacks: [{}] })],
    ['chain[0] field "args" is not a list', embed({ chain: [{ task: "a", args: {} }] })],
    ['chord field "options" is not an object', embed({ chord: { task: "a", options: [] } })],
    ['chord field "immutable" is neither', embed({ chord: { task: "a", immutable: 1 } })],
    ['no header "task"', withBody({}, {})],
    ['no header "task"', withBody([[], {}, {}], {})],
    ['no header "task"', withBody({ task: 5 }, {})],
    ['header "id" is missing', withBody({ task: "t", args: [], kwargs: {} }, {})],
    ["keyword arguments are not an object", withBody({ task: "t", id: "1", kwargs: 5 }, {})],
    ["positional arguments are not a list", withBody({ args: 5 })],
  ])("says why: %s", (reason, message) => {
    expect(() => decodeTask(message, ACCEPT)).toThrow(UnreadableMessageError);
    expect(() => decodeTask(message, ACCEPT)).toThrow(reason);
  });

  it("throws nothing but UnreadableMessageError, for arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (body, isV2) =>
        decodes({ ...PLAIN, body, headers: isV2 ? PLAIN.headers : {} }),
      ),
    );
  });

  const golden = fc.constantFrom(...goldenNames).map(goldenMessage);

  it("throws nothing but UnreadableMessageError, for a real message with bytes changed, inserted or cut off", () => {
    const change = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ maxLength: 4 }), removed: fc.nat(40) });
    fc.assert(
      fc.property(golden, change, (message, { at, bytes, removed }) => {
        const body = [...message.body];
        body.splice(at % (body.length + 1), removed, ...bytes);
        return decodes({ ...message, body: new Uint8Array(body) });
      }),
      { numRuns: 2000 },
    );
  });

  it("throws nothing but UnreadableMessageError, for a real message with headers of other kinds", () => {
    const names = [...Object.keys(PLAIN.headers), "compression"];
    const junk = fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.constant(undefined)), {
      minKeys: 1,
    });
    fc.assert(
      fc.property(golden, junk, (message, changes) =>
        decodes({ ...message, headers: { ...message.headers, ...changes } }),
      ),
      { numRuns: 1000 },
    );
  });

  it("throws nothing but UnreadableMessageError, for a body of any shape", () => {
    const embedded = fc.dictionary(fc.constantFrom("callbacks", "errbacks", "chain", "chord"), fc.jsonValue());
    const v1 = fc.dictionary(
      fc.constantFrom("task", "id", "args", "kwargs", "retries", "eta", "timelimit", "taskset", "chord"),
      fc.jsonValue(),
    );
    const body = fc.oneof(
      fc.jsonValue(),
      v1,
      fc.tuple(fc.jsonValue(), fc.jsonValue(), embedded),
      fc.tuple(fc.constant([]), fc.constant({}), embedded),
    );
    fc.assert(
      fc.property(body, fc.boolean(), (value, isV2) => decodes(withBody(value, isV2 ? PLAIN.headers : {}))),
      { numRuns: 1000 },
    );
  });
});

/** Whether decoding ends in a task or in an UnreadableMessageError. */
function decodes(message: Message): boolean {
  try {
    return typeof decodeTask(message, ACCEPT).id === "string";
  } catch (error) {
    if (error instanceof UnreadableMessageError) return error.reason !== "";
    throw error;
  }
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTask } from "../../../src/message/decode-task.ts";
import { EncodeError } from "../../../src/message/errors.ts";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import type { SignatureDict, TaskRequest } from "../../../src/message/task-request.ts";
import { taskRequest } from "../../support/task-request.ts";
import { wireValue } from "../../support/wire-value.ts";

const ACCEPT = { accept: ["json"] };
const textOf = (body: Uint8Array): string => new TextDecoder().decode(body);

describe("encoding a task", () => {
  it("writes the body as args, kwargs and embed, with null for no follow-ups", () => {
    const { body, contentType, contentEncoding } = encodeTask(taskRequest({ args: [1], kwargs: { a: "b" } }));
    expect(textOf(body)).toBe('[[1],{"a":"b"},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]');
    expect([contentType, contentEncoding]).toEqual(["application/json", "utf-8"]);
  });

  it("writes what is left until the expiry in milliseconds, and 0 when it is over", () => {
    const expires = new Date("2026-01-01T00:00:10Z");
    const expirationAt = (now: string): unknown =>
      encodeTask(taskRequest({ expires }), { now: Date.parse(now) }).properties.expirationMs;
    expect(expirationAt("2026-01-01T00:00:00Z")).toBe(10_000);
    expect(expirationAt("2026-01-01T00:01:00Z")).toBe(0);
    expect(encodeTask(taskRequest({ expires: new Date(Date.now() + 60_000) })).properties.expirationMs).toBeGreaterThan(
      50_000,
    );
    expect(encodeTask(taskRequest()).properties).not.toHaveProperty("expirationMs");
  });

  it("names the compression in the headers", () => {
    const message = encodeTask(taskRequest({ args: ["again ".repeat(100)] }), { compression: "zlib" });
    expect(message.headers["compression"]).toBe("application/x-gzip");
    expect(decodeTask(message, ACCEPT).args).toEqual(["again ".repeat(100)]);
    expect(encodeTask(taskRequest()).headers).not.toHaveProperty("compression");
  });

  const notPlain = { task: "t", args: [new Map()], kwargs: {}, options: {}, subtask_type: null, immutable: false };

  it.each<[Partial<TaskRequest>, string]>([
    [{ args: [1, { a: new Map() }] }, "args[1].a"],
    [{ kwargs: { when: [Symbol("s")] } }, "kwargs.when[0]"],
    [{ followUps: { callbacks: [notPlain], errbacks: [], chain: [], chord: null } }, "followUps.callbacks[0].args[0]"],
    [{ followUps: { callbacks: [], errbacks: [], chain: [], chord: notPlain } }, "followUps.chord.args[0]"],
    [{ headers: { "x-when": new Date() } }, "headers.x-when"],
    [{ headers: { id: "another" } }, "headers.id"],
    [{ stamps: { when: NaN } }, "stamps"],
    [{ eta: new Date(NaN) }, "eta"],
    [{ expires: new Date(8e15) }, "expires"],
  ])("refuses what cannot cross the wire, and says where it stands: %#", (changes, path) => {
    const encode = (): unknown => encodeTask(taskRequest(changes));
    expect(encode).toThrow(EncodeError);
    expect(encode).toThrow(expect.objectContaining({ path }) as Error);
  });
});

describe("a task that is encoded and decoded", () => {
  const id = fc.uuid();
  const dict = fc.dictionary(fc.string(), wireValue(), { maxKeys: 3 });
  const plainDict = fc.dictionary(
    fc.string().map((name) => `x-${name}`),
    fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.boolean())),
    { maxKeys: 3 },
  );
  const date = fc.option(fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }));
  const limit = fc.option(fc.nat().map((ms) => ms * 10));
  const signature: fc.Arbitrary<SignatureDict> = fc.record({
    task: fc.string({ minLength: 1 }),
    args: fc.array(wireValue(), { maxLength: 2 }),
    kwargs: dict,
    options: dict,
    subtask_type: fc.constantFrom(null, "group", "chord"),
    immutable: fc.boolean(),
  });
  const signatures = fc.array(signature, { maxLength: 2 });
  const request: fc.Arbitrary<TaskRequest> = fc.record({
    id,
    task: fc.string({ minLength: 1 }),
    args: fc.array(wireValue(), { maxLength: 3 }),
    kwargs: dict,
    rootId: id,
    parentId: fc.option(id),
    groupId: fc.option(id),
    groupIndex: fc.option(fc.nat()),
    shadow: fc.option(fc.string()),
    eta: date,
    expires: date,
    retries: fc.nat(),
    timeLimit: fc.record({ softMs: limit, hardMs: limit }),
    argsRepr: fc.string(),
    kwargsRepr: fc.string(),
    origin: fc.string(),
    ignoreResult: fc.boolean(),
    replacedTaskNesting: fc.nat(),
    stamps: plainDict,
    headers: plainDict,
    replyTo: fc.option(id),
    priority: fc.integer({ min: 0, max: 9 }),
    followUps: fc.record({
      callbacks: signatures,
      errbacks: signatures,
      chain: signatures,
      chord: fc.option(signature),
    }),
  });

  it("is the same task", () => {
    fc.assert(
      fc.property(request, fc.constantFrom(undefined, "gzip" as const), (sent, compression) => {
        const message = encodeTask(sent, { compression });
        const received = decodeTask(
          { ...message, headers: JSON.parse(JSON.stringify(message.headers)) as object as typeof message.headers },
          ACCEPT,
        );
        expect(received).toEqual(sent);
      }),
    );
  });
});

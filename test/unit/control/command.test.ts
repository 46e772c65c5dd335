import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCommand, readCommand } from "../../../src/control/command.ts";
import { encodeReply, readReply } from "../../../src/control/reply.ts";
import { UnreadableMessageError } from "../../../src/message/errors.ts";
import type { Message } from "../../../src/message/message.ts";

const TIMES = { clock: 7, expiresAt: 1_700_000_001_500 };

describe("a command", () => {
  it("crosses the wire as Kombu has it", () => {
    const replyTo = { exchange: "reply.celery.pidbox", routingKey: "oid", ticket: "t" };
    const message = encodeCommand(
      { method: "ping", arguments: {}, audience: { destination: ["w@h"] }, replyTo },
      TIMES,
    );
    expect(bodyOf(message)).toEqual({
      method: "ping",
      arguments: {},
      destination: ["w@h"],
      pattern: null,
      matcher: null,
      ticket: "t",
      reply_to: { exchange: "reply.celery.pidbox", routing_key: "oid" },
    });
    expect(message.headers).toEqual({ clock: 7, expires: 1_700_000_001.5 });
    expect(readCommand(message).command).toMatchObject({ method: "ping", audience: { destination: ["w@h"] }, replyTo });
  });

  it("asks for no answer where none is wanted", () => {
    const message = encodeCommand(
      { method: "shutdown", arguments: {}, audience: {} },
      { clock: 1, expiresAt: undefined },
    );
    expect(bodyOf(message)).not.toHaveProperty("reply_to");
    expect(message.headers["expires"]).toBe(0);
    expect(readCommand(message).command.replyTo).toBeUndefined();
  });

  it.each([
    ["one name for a list of it", "w@h", ["w@h"]],
    ["an empty list as it is, which is everybody", [], []],
    ["none for everybody", null, undefined],
  ])("takes %s", (_, destination, expected) => {
    expect(readCommand(said({ method: "ping", destination })).command.audience.destination).toEqual(expected);
  });

  it.each([[[1]], [{ "other@h": 1 }], [5], [true]])(
    "for nobody knows whom, %o, is not for everybody",
    (destination) => {
      expect(() => readCommand(said({ method: "shutdown", destination }))).toThrow("destination");
    },
  );

  it("that is garbage is unreadable, and nothing else", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.record({ method: fc.jsonValue(), reply_to: fc.jsonValue() })), (body) => {
        try {
          expect(typeof readCommand(said(body)).command.method).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableMessageError);
        }
      }),
    );
  });
});

it("a reply crosses the wire as Kombu has it", () => {
  const message = encodeReply("w@h", { ok: "pong" }, "t", 9);
  expect(bodyOf(message)).toEqual({ "w@h": { ok: "pong" } });
  expect(message.headers).toEqual({ ticket: "t", clock: 9 });
  expect(readReply(message)).toEqual({ ticket: "t", clock: 9, answers: { "w@h": { ok: "pong" } } });
});

function said(body: unknown): Message {
  return {
    body: Buffer.from(JSON.stringify(body)),
    contentType: "application/json",
    contentEncoding: "utf-8",
    headers: {},
    properties: {},
  };
}

function bodyOf({ body }: Message): unknown {
  return JSON.parse(Buffer.from(body).toString());
}

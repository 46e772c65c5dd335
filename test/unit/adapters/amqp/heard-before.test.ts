import type { Message } from "amqplib";
import { expect, it } from "vitest";
import { HeardBefore } from "../../../../src/adapters/amqp/heard-before.ts";

const command = (clock: number, { redelivered = false, body = "{}" } = {}): Message =>
  ({ content: Buffer.from(body), fields: { redelivered }, properties: { headers: { clock } } }) as unknown as Message;

it("a command that comes again has been heard before, and one that comes for the first time has not", () => {
  const heard = new HeardBefore();
  expect(heard.note(command(1))).toBe(false);
  expect(heard.note(command(1, { redelivered: true }))).toBe(true);
  // Handed out on a connection that was lost before it arrived.
  expect(heard.note(command(2, { redelivered: true }))).toBe(false);
  expect(heard.note(command(2, { redelivered: true, body: "[]" }))).toBe(false);
});

it("a command that is sent twice is two", () => {
  const heard = new HeardBefore();
  expect(heard.note(command(1))).toBe(false);
  expect(heard.note(command(1))).toBe(false);
});

it("forgets the oldest of very many", () => {
  const heard = new HeardBefore();
  for (let clock = 0; clock < 3_000; clock += 1) heard.note(command(clock));
  expect(heard.note(command(0, { redelivered: true }))).toBe(false);
  expect(heard.note(command(2_999, { redelivered: true }))).toBe(true);
});

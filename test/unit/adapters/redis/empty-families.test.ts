import { expect, it } from "vitest";
import { EmptyFamilies } from "../../../../src/adapters/redis/empty-families.ts";
import { endOfTurn } from "../../../../src/util/end-of-turn.ts";

it("a family that was asked for is looked for with the next messages", () => {
  const families = new EmptyFamilies();
  expect(families.wanted).toEqual([]);
  expect(families.has("revoked")).toBe(false);
  expect(families.wanted).toEqual(["revoked"]);
});

it("what was seen to be empty is so until the turn of the event loop is over", async () => {
  const families = new EmptyFamilies();
  families.look()(["revoked"]);
  expect(families.has("revoked")).toBe(true);
  expect(families.has("another")).toBe(false);
  await endOfTurn();
  await endOfTurn();
  expect(families.has("revoked")).toBe(false);
});

it("a claim made while the server was being asked makes its answer worthless", () => {
  const families = new EmptyFamilies();
  const tellEmpty = families.look();
  families.forget();
  tellEmpty(["revoked"]);
  expect(families.has("revoked")).toBe(false);
});

it("a claim made after the answer makes it worthless too", () => {
  const families = new EmptyFamilies();
  families.look()(["revoked"]);
  families.forget();
  expect(families.has("revoked")).toBe(false);
});

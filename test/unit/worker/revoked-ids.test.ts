import { expect, it } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { RevokedIds } from "../../../src/worker/revoked-ids.ts";

it("remembers the newest 50,000, oldest first", () => {
  const revoked = new RevokedIds(new FakeClock());
  revoked.add(["old", "first"]);
  revoked.add(["old"]);
  expect(revoked.all).toEqual(["first", "old"]);
  revoked.add(Array.from({ length: 49_999 }, (_, index) => String(index)));
  expect(revoked.all).toHaveLength(50_000);
  expect(revoked.has("first")).toBe(false);
  expect(revoked.has("old")).toBe(true);
  revoked.add(Array.from({ length: 60_000 }, (_, index) => `new ${String(index)}`));
  expect(revoked.all).toHaveLength(50_000);
  expect([revoked.has("old"), revoked.has("new 9999"), revoked.has("new 10000")]).toEqual([false, false, true]);
});

it("forgets each after three hours, unless it is told again", async () => {
  const clock = new FakeClock();
  const revoked = new RevokedIds(clock);
  revoked.add(["a", "b"]);
  await clock.advance(10_000_000);
  revoked.add(["b"]);
  await clock.advance(800_000);
  expect([revoked.has("a"), revoked.has("b")]).toEqual([false, true]);
  expect(revoked.all).toEqual(["b"]);
});

it("takes what other workers say in either of Celery's forms, and passes over all else", () => {
  const revoked = new RevokedIds(new FakeClock());
  revoked.addHeard(["a", 1, null, ["b"], "c"]);
  revoked.addHeard({ d: [1.5, "d"], e: 2.5 });
  for (const garbage of [undefined, null, 7, "text", true]) revoked.addHeard(garbage);
  expect(revoked.all).toEqual(["a", "c", "d", "e"]);
});

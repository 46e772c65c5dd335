import { expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { memory } from "celeriac/memory";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

it("a pause does not end by itself", async () => {
  const clock = new FakeClock();
  await using app = new Celeriac({ broker: memory() }, { env: {}, clock });
  await app.pauseQueue("mail");
  await clock.advance(30 * 365 * 86_400_000);
  expect([...(await app.pauses.read(["mail"])).keys()]).toEqual(["mail"]);
});

it("a pause tells who made it where nobody says", async () => {
  await using app = new Celeriac({ broker: memory() }, { env: {}, clock: new FakeClock() });
  expect(await app.pauseQueue("mail")).toEqual({
    since: new Date("2026-01-01T00:00:00Z"),
    by: expect.stringContaining(String(process.pid)) as string,
    reason: undefined,
  });
});

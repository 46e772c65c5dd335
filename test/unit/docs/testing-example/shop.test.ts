import { beforeEach, expect, it } from "vitest";
import { openTestApp } from "celeriac/testing";
import { app, outbox, signUp, welcome } from "./shop.ts";

beforeEach(() => outbox.clear());

it("sends a welcome, and a reminder for a week later", async () => {
  await using test = openTestApp(app);
  await signUp("Ann");
  test.assertSent(welcome, { args: ["Ann"] });
  test.assertSent("mail.remind", { countdownMs: 7 * 86_400_000 });
});

it("writes both mails in time", async () => {
  await using test = openTestApp(app);
  await signUp("Ann");
  await test.drain();
  expect([...outbox.values()]).toEqual(["Welcome, Ann!"]);
  await test.advance("7d");
  await test.drain();
  expect([...outbox.values()]).toEqual(["Welcome, Ann!", "Still there, Ann?"]);
});

it("welcomes once, though a worker dies before it can say that it has", async () => {
  await using test = openTestApp(app);
  test.faults.killBeforeAck({ task: welcome });
  await signUp("Ann");
  const runs = await test.drain({ withScheduled: true });
  expect(runs.filter(({ task }) => task === "mail.welcome")).toHaveLength(2);
  expect(outbox.size).toBe(2);
});

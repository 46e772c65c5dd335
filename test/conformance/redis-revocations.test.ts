import { expect } from "vitest";
import { Celeriac } from "../../src/app/celeriac.ts";
import { Worker } from "../../src/worker/worker.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

it("a worker hears with its messages that no task is revoked, and of each revocation that another process made before it took them", async () => {
  await using server = await RedisServer.start();
  await using sender = openApp(server.url);
  await using runner = openApp(server.url);
  await using worker = new Worker(runner.app, { concurrency: 1 });
  await worker.start();

  await sender.run("first");
  const before = await looksAt(server.url);
  for (const name of ["second", "third", "fourth"]) await sender.run(name);
  expect(await looksAt(server.url)).toBe(before);

  const [revoked] = await sender.app.sendBatch([sender.task.s("never").set({ countdownMs: 300 })]);
  await revoked.revoke();
  await sender.run("fifth");
  await expect.poll(() => looksAt(server.url)).toBeGreaterThan(before + 1);
  const broker = await sender.app.broker();
  const settled = { ready: 0, delayed: 0, unacked: 0 };
  await expect.poll(() => broker.inspect("celery"), { timeout: 5_000 }).toMatchObject(settled);
  expect(runner.ran).toEqual(["first", "second", "third", "fourth", "fifth"]);
});

function openApp(broker: string) {
  const ran: string[] = [];
  const app = new Celeriac({ broker, resultBackend: broker }, { env: {} });
  const task = app.task("note", (name: string) => void ran.push(name));
  const run = async (name: string): Promise<unknown> => (await task.delay(name)).get({ timeoutMs: 10_000 });
  return { app, task, ran, run, [Symbol.asyncDispose]: () => app.close() };
}

/** How often it was looked whether any task is revoked. */
async function looksAt(url: string): Promise<number> {
  await using connections = redisConnections(url);
  const info = String(await connections.commands.command(["INFO", "commandstats"]));
  return Number(/cmdstat_zcount:calls=(\d+)/.exec(info)?.[1] ?? 0);
}

import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { Celeriac, PublishTimeoutError, type CeleriacConfig } from "celeriac";
import { Worker } from "celeriac/worker";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { RedisServer } from "../support/redis.ts";
import { describe, it } from "../support/with-redis.ts";

const WAIT = { timeoutMs: 10_000 };

describe.concurrent("a worker that is started while its Redis is down", () => {
  it("waits, says so once, and works when it comes", async () => {
    await using server = await stoppedServer();
    const { worker, app, warnings } = workerAt({ broker: server.url, resultBackend: server.url });
    await using _ = app;
    const started = worker.start();
    await eventually(() => expect(warnings()).toHaveLength(1));
    expect(warnings()[0]).toContain("ECONNREFUSED");
    await server.start();
    await started;
    expect(await (await app.sendTask("echo", { args: ["there"] })).get(WAIT)).toBe("there");
    expect(warnings()).toHaveLength(1);
    await worker.stop();
  });

  it("waits for the one of its results too", async () => {
    await using broker = await RedisServer.start();
    await using results = await stoppedServer();
    const { worker, app, warnings } = workerAt({ broker: broker.url, resultBackend: results.url });
    await using _ = app;
    const started = worker.start();
    await eventually(() => expect(warnings()[0]).toContain("The result backend"));
    await results.start();
    await started;
    expect(await (await app.sendTask("echo", { args: ["there"] })).get(WAIT)).toBe("there");
    await worker.stop();
  });

  it("ends in good order when it is told to stop meanwhile", async () => {
    await using server = await stoppedServer();
    const { worker, app, warnings } = workerAt({ broker: server.url });
    await using _ = app;
    const started = worker.start();
    await eventually(() => expect(warnings()).toHaveLength(1));
    await worker.stop();
    await started;
    await worker.finished;
    expect(worker.state).toBe("stopped");
  });

  it("waits while that is full, and is warned", async () => {
    await using server = await RedisServer.start("--maxmemory", "1");
    await using connections = redisConnections(server.url);
    const { worker, app, warnings } = workerAt({ broker: server.url });
    await using _ = app;
    const started = worker.start();
    const full = "it has reached its maxmemory and takes no writes";
    await eventually(() => expect(warnings().some((warning) => warning.includes(full))).toBe(true));
    await connections.commands.command(["CONFIG", "SET", "maxmemory", 0]);
    await started;
    await worker.stop();
  });
});

describe.concurrent("a worker that is started", () => {
  it("with a wrong password does not wait", async () => {
    await using server = await RedisServer.start("--requirepass", "secret");
    const { worker, app } = workerAt({ broker: server.url.replace("//", "//:wrong@") });
    await using _ = app;
    const error: unknown = await worker.start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BrokerUnavailableError);
    expect((error as Error).message).toContain("it refuses the user or the password of the URL");
    expect((error as Error).message).not.toContain("wrong@");
  });

  it("with the URL of something else than a Redis does not wait", async () => {
    const http = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    await once(http, "listening");
    const { port } = http.address() as AddressInfo;
    const { worker, app } = workerAt({ broker: `redis://127.0.0.1:${String(port)}` });
    await using _ = app;
    await expect(worker.start()).rejects.toThrow("it does not speak as a Redis does");
    http.close();
  });
});

describe.concurrent("a producer whose Redis is away", () => {
  it("is told so within a second, and sends when it is there", async () => {
    await using server = await stoppedServer();
    await using app = new Celeriac({ broker: server.url }, { env: {} });
    await expect(app.broker()).rejects.toThrow(BrokerUnavailableError); // the driver is loaded by now
    for (let time = 0; time < 2; time += 1) {
      const sentAt = performance.now();
      await expect(app.sendTask("task")).rejects.toThrow(BrokerUnavailableError);
      expect(performance.now() - sentAt).toBeLessThan(1_500);
    }
    const sentAt = performance.now();
    await expect(app.sendTask("task", { publishRetry: false })).rejects.toThrow(BrokerUnavailableError);
    expect(performance.now() - sentAt).toBeLessThan(300);
    await server.start();
    await app.sendTask("task");
  });

  it("is told so within the deadline of the send where nothing answers", async () => {
    await using server = await RedisServer.start();
    await using proxy = await FaultyProxy.before(server.port);
    proxy.set("stall");
    await using app = new Celeriac({ broker: `redis://127.0.0.1:${String(proxy.port)}` }, { env: {} });
    const sentAt = performance.now();
    await expect(app.sendTask("task")).rejects.toThrow(PublishTimeoutError);
    expect(performance.now() - sentAt).toBeLessThan(4_000);
    proxy.set("none");
    await eventually(() => app.sendTask("task"), WAIT);
  });
});

it("an app that is closed leaves no connection behind", async () => {
  await using server = await RedisServer.start();
  await using connections = redisConnections(server.url);
  const { worker, app } = workerAt({ broker: server.url, resultBackend: server.url });
  app.task("alone", { concurrency: { key: "alone" }, unique: {} }, () => "alone");
  await worker.start();
  expect(await (await app.sendTask("alone")).get(WAIT)).toBe("alone");
  const { broadcaster } = await app.broker();
  await broadcaster?.listen({ name: "news", type: "fanout" });
  expect(await clientsOf(connections)).toBeGreaterThan(4);
  await worker.stop();
  await app.close();
  await eventually(async () => expect(await clientsOf(connections)).toBe(1));
});

function workerAt(config: CeleriacConfig) {
  const { log, lines } = recordingLogger();
  const app = new Celeriac(config, { env: {}, log });
  app.task("echo", (text: string) => text);
  const warnings = (): readonly string[] =>
    lines.filter(({ message }) => message.startsWith("not available")).map(({ fields }) => String(fields["error"]));
  return { app, worker: new Worker(app), warnings };
}

/** One that is to be started. */
async function stoppedServer(): Promise<RedisServer> {
  const server = await RedisServer.start();
  await server.kill();
  return server;
}

async function clientsOf({ commands }: ReturnType<typeof redisConnections>): Promise<number> {
  const clients = await commands.command(["CLIENT", "LIST"]);
  return String(clients).trim().split("\n").length;
}

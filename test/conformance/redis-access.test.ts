import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { certificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { QuickClock } from "../support/quick-clock.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { redisConnections, type TestConnectionsOptions } from "../support/redis-connections.ts";
import { freePort } from "../support/processes.ts";
import { RedisServer } from "../support/redis.ts";
import { describe, it } from "../support/with-redis.ts";

async function answerOf(
  url: string,
  options?: TestConnectionsOptions,
  command: readonly [string, ...string[]] = ["PING"],
) {
  await using connections = redisConnections(url, options);
  return await connections.commands.command(command);
}

describe.concurrent("entering a Redis", () => {
  it("works with a user, a percent-encoded password and a database", async () => {
    await using server = await RedisServer.start(..."--user ann on ~* &* +@all >p@ss/w%".split(" "));
    const url = server.url.replace("//", "//ann:p%40ss%2Fw%25@");
    expect(await answerOf(`${url}/3`, {}, ["CLIENT", "INFO"])).toMatch(/ db=3 .* user=ann /);
  });

  it("works over a socket of the file system", async () => {
    const server = await RedisServer.start("--unixsocket", `redis.sock`);
    await using _ = server;
    const path = join(server.directory, "redis.sock");
    expect(await answerOf(`redis+socket://${path}?virtual_host=2`, {}, ["CLIENT", "INFO"])).toMatch(/ db=2 /);
    expect(await answerOf(`unix://${path}`)).toBe("PONG");
  });

  it("is refused with the reason when the password is wrong, missing or too much", async () => {
    await using closed = await RedisServer.start("--requirepass", "secret");
    await using open = await RedisServer.start();
    const enter = (server: RedisServer, user = "") => answerOf(server.url.replace("//", `//${user}`));
    await expect(enter(closed, ":wrong@")).rejects.toThrow("it refuses the user or the password of the URL");
    await expect(enter(closed)).rejects.toThrow("it asks for a password");
    await expect(enter(open, ":secret@")).rejects.toThrow("its default user has no password");
    await expect(enter(closed, ":secret@")).resolves.toBe("PONG");
    await expect(enter(closed)).rejects.toThrow(BrokerUnavailableError);
  });

  it("is refused with the reason when the host, the port or the database does not exist", async () => {
    await using server = await RedisServer.start();
    await expect(answerOf("redis://no-such-host.invalid")).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/);
    await expect(answerOf(`redis://127.0.0.1:${await freePort()}`)).rejects.toThrow("ECONNREFUSED");
    await expect(answerOf(`${server.url}/99`)).rejects.toThrow("it has no database of the URL's number");
    await expect(answerOf("unix:///no/such.sock")).rejects.toThrow("ENOENT");
  });

  it("is refused what its user may not do, and goes on with the rest", async () => {
    await using server = await RedisServer.start(..."--user ann on ~* &* +@all -set >pw".split(" "));
    await using connections = redisConnections(server.url.replace("//", "//ann:pw@"));
    const id = await connections.commands.command(["CLIENT", "ID"]);
    await expect(connections.commands.command(["SET", "a", 1])).rejects.toThrow("Allow it with ACL SETUSER");
    expect(await connections.commands.command(["CLIENT", "ID"])).toBe(id);
  });

  it("is warned of a Redis that evicts, once", async () => {
    await using server = await RedisServer.start("--maxmemory-policy", "allkeys-lru");
    const { log, lines } = recordingLogger();
    await using connections = redisConnections(server.url, { log });
    await connections.open();
    connections.commands.reset();
    await connections.open();
    expect(lines).toMatchObject([{ level: "warn", message: "this Redis may lose messages" }]);
    expect(lines[0]?.fields["reason"]).toContain("allkeys-lru");
  });

  it("is told that the memory is full, and goes on reading", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    const { commands } = connections;
    await commands.command(["SET", "kept", "1"]);
    await commands.command(["CONFIG", "SET", "maxmemory", 1]);
    await expect(commands.command(["SET", "a", 1])).rejects.toThrow("it has reached its maxmemory");
    expect(await commands.command(["GET", "kept"])).toBe("1");
    await commands.command(["CONFIG", "SET", "maxmemory", 0]);
    expect(await commands.command(["SET", "a", 1])).toBe("OK");
  });

  it("waits for no replica: it enters again once that has become the master", async () => {
    await using server = await RedisServer.start();
    await using connections = redisConnections(server.url);
    const { commands } = connections;
    await commands.command(["REPLICAOF", "127.0.0.1", String(await freePort())]);
    for (let time = 0; time < 2; time += 1) {
      await expect(commands.command(["SET", "a", 1])).rejects.toThrow("it is a replica, which takes no writes");
    }
    await promisify(execFile)("redis-cli", ["-p", String(server.port), "REPLICAOF", "NO", "ONE"]);
    expect(await commands.command(["SET", "a", 1])).toBe("OK");
  });

  it("is refused while the server loads its data, and then not", async () => {
    await using server = await RedisServer.start("--loading-process-events-interval-bytes", "1024");
    await using connections = redisConnections(server.url);
    const { commands } = connections;
    await commands.pipeline(Array.from({ length: 300 }, (_, index) => ["SET", index, "x".repeat(100)] as const));
    await commands.command(["SAVE"]);
    await server.kill();
    const loaded = server.start("--key-load-delay", "3000");
    await eventually(() => expect(commands.command(["PING"])).rejects.toThrow("it is loading its data"));
    await loaded;
    expect(await commands.command(["DBSIZE"])).toBe(300);
  });
});

describe("a Redis behind TLS", () => {
  it("is entered by whom its certificate's authority is known to, and with a certificate where it asks for one", async () => {
    await using plain = await RedisServer.start();
    const file = await certificates(plain.directory);
    const port = await freePort();
    const tls = [
      "--tls-port",
      port,
      "--tls-cert-file",
      file("server.pem"),
      "--tls-key-file",
      file("key.pem"),
      "--tls-ca-cert-file",
      file("ca.pem"),
    ];
    await using _ = await RedisServer.start(...tls.map(String));
    const url = `rediss://localhost:${port}`;
    const own = `ssl_certfile=${file("server.pem")}&ssl_keyfile=${file("key.pem")}`;
    expect(await answerOf(`${url}?ssl_ca_certs=${file("ca.pem")}&${own}`)).toBe("PONG");
    expect(await answerOf(`${url}?ssl_cert_reqs=none&${own}`)).toBe("PONG");
    await expect(answerOf(`${url}?${own}`)).rejects.toThrow(BrokerUnavailableError);
    await expect(answerOf(`${url}?ssl_ca_certs=${file("ca.pem")}`)).rejects.toThrow(BrokerUnavailableError);
    await expect(answerOf(`${url}?ssl_ca_certs=${file("none.pem")}`)).rejects.toThrow("ENOENT");
    await expect(answerOf(`rediss://localhost:${plain.port}`, { clock: new QuickClock(5) })).rejects.toThrow(
      BrokerUnavailableError,
    );
  });
});

describe("a Redis behind sentinels", () => {
  it("is found as the master that it is, also after a failover", async () => {
    await using first = await RedisServer.start();
    await using second = await RedisServer.start(
      "--replicaof",
      `127.0.0.1 ${first.port}`,
      "--repl-diskless-sync-delay",
      "0",
    );
    await using sentinel = await RedisServer.startSentinel(first.port);
    const dead = await freePort();
    const url = `sentinel://127.0.0.1:${dead};sentinel://127.0.0.1:${sentinel.port}`;
    await using connections = redisConnections(url, { masterName: "main" });
    const { commands } = connections;
    expect(await portOf(commands.command(["CONFIG", "GET", "port"]))).toBe(first.port);
    await first.kill();
    const cli = (...args: readonly string[]) =>
      promisify(execFile)("redis-cli", ["-p", String(sentinel.port), ...args]);
    await eventually(async () => expect((await cli("SENTINEL", "FAILOVER", "main")).stdout).toContain("OK"), {
      timeoutMs: 15_000,
    });
    await eventually(async () => expect(await portOf(commands.command(["CONFIG", "GET", "port"]))).toBe(second.port), {
      timeoutMs: 10_000,
    });
    expect(await commands.command(["SET", "a", 1])).toBe("OK");
  });
});

async function portOf(reply: Promise<unknown>): Promise<number> {
  return Number(((await reply) as readonly string[])[1]);
}

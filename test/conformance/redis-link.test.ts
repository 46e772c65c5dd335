import { afterAll, beforeAll, expect } from "vitest";
import { RedisReplyError, script, type Command } from "../../src/adapters/redis/connections/redis-link.ts";
import type { SupervisedConnections } from "../../src/adapters/redis/connections/supervised-connections.ts";
import { BrokerUnavailableError } from "../../src/broker/errors.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

let server: RedisServer;
let connections: SupervisedConnections;
beforeAll(async () => {
  server = await RedisServer.start();
  connections = redisConnections(server.url);
});
afterAll(async () => {
  await connections[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it("answers a command with texts, numbers, nothing, and lists of them", async () => {
  const { commands } = connections;
  expect(await commands.command(["SET", "text", "ünïcode \0🥕"])).toBe("OK");
  expect(await commands.command(["GET", "text"])).toBe("ünïcode \0🥕");
  expect(await commands.command(["GET", "missing"])).toBe(null);
  expect(await commands.command(["RPUSH", "list", "a", 1, "ü"])).toBe(3);
  expect(await commands.command(["LRANGE", "list", 0, -1])).toEqual(["a", "1", "ü"]);
  expect(await commands.command(["SET", "empty", ""])).toBe("OK");
  expect(await commands.command(["GET", "empty"])).toBe("");
});

it("answers the commands of a pipeline in their order, however many", async () => {
  const indexes = Array.from({ length: 20_000 }, (_, index) => index);
  const replies = await connections.commands.pipeline(indexes.map((index) => ["ECHO", index]));
  expect(replies).toEqual(indexes.map(String));
  expect(await connections.commands.pipeline([])).toEqual([]);
});

it("rejects a pipeline with its first error reply, and does the rest even so", async () => {
  const { commands } = connections;
  const refused = commands.pipeline([["SET", "rest", 1], ["LPUSH", "rest", 2], ["NOSUCH"], ["INCR", "rest"]]);
  await expect(refused).rejects.toMatchObject({ name: "RedisReplyError", code: "WRONGTYPE" });
  expect(await commands.command(["GET", "rest"])).toBe("2");
});

it("does none of a transaction whose commands fail to come, and goes on with another connection", async () => {
  const { commands } = connections;
  const half = function* (): Iterable<Command> {
    yield ["SET", "half", "x".repeat(100_000)];
    throw new Error("no more of them");
  };
  await expect(commands.transaction(half())).rejects.toThrow("no more of them");
  expect(await commands.command(["EXISTS", "half"])).toBe(0);
});

it("does none of a transaction when one of its commands is no command", async () => {
  const { commands } = connections;
  await expect(commands.transaction([["SET", "none", 1], ["NOSUCH"]])).rejects.toThrow(/^ERR unknown command/);
  expect(await commands.command(["GET", "none"])).toBe(null);
});

it("answers a transaction with the replies of its commands, and rejects it with the first error among them", async () => {
  const { commands } = connections;
  expect(
    await commands.transaction([
      ["SET", "all", 1],
      ["INCR", "all"],
      ["LRANGE", "list of none", 0, 1],
    ]),
  ).toEqual(["OK", 2, []]);
  await expect(
    commands.transaction([
      ["LPUSH", "all", 1],
      ["INCR", "all"],
    ]),
  ).rejects.toThrow(RedisReplyError);
  expect(await commands.command(["GET", "all"])).toBe("3");
});

it("loads a script where the server does not know it, also when it was flushed", async () => {
  const { commands } = connections;
  const add = script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  expect(await commands.script(add, ["sum"], [3])).toBe(3);
  expect(await Promise.all([commands.script(add, ["sum"], [1]), commands.script(add, ["sum"], [1])])).toEqual([4, 5]);
  await commands.command(["SCRIPT", "FLUSH"]);
  expect(await commands.script(add, ["sum"], [5])).toBe(10);
});

it("begins every connection of a link of its own with that link's commands", async () => {
  await using link = connections.createLink({ setUp: async () => [["CLIENT", "SETNAME", "waiter"]] });
  expect(await link.command(["CLIENT", "GETNAME"])).toBe("waiter");
  const id = await link.command(["CLIENT", "ID"]);
  link.reset();
  expect(await link.command(["CLIENT", "GETNAME"])).toBe("waiter");
  expect(await link.command(["CLIENT", "ID"])).not.toBe(id);
});

it("rejects what is under way when a link is dropped or disposed of, and after that what is asked of it", async () => {
  const link = connections.createLink();
  await link.command(["PING"]);
  const dropped = link.command(["BLPOP", "nothing comes", 0]);
  link.reset();
  await expect(dropped).rejects.toThrow(BrokerUnavailableError);
  const disposed = link.command(["BLPOP", "nothing comes", 0]);
  const rejection = expect(disposed).rejects.toThrow("it was closed in this process");
  await link[Symbol.asyncDispose]();
  await rejection;
  await expect(link.command(["PING"])).rejects.toThrow("it was closed in this process");
});

it("opens one socket for a role, however many ask for it at once", async () => {
  await using others = redisConnections(server.url);
  const ids = await Promise.all(Array.from({ length: 20 }, () => others.commands.command(["CLIENT", "ID"])));
  expect(new Set(ids).size).toBe(1);
});

it("refuses what is too long to be written, and goes on with the rest", async () => {
  await using others = redisConnections(server.url);
  const tooLong = "x".repeat(2 ** 27);
  const command = ["EXISTS", ...Array.from({ length: 5 }, () => tooLong)] as const;
  await expect(others.commands.command(command)).rejects.toThrow(RangeError);
  expect(await others.commands.command(["ECHO", "short"])).toBe("short");
});

it("goes on hearing a channel that somebody asks for while it is left together with many others", async () => {
  await using others = redisConnections(server.url);
  const { subscriber, commands } = others;
  for (let turns = 0; turns < 10; turns += 1) {
    const channels = Array.from({ length: 4_500 }, (_, index) => `${String(turns)}/${String(index)}`);
    const last = channels.at(-1) ?? "";
    const left = await subscriber.subscribe(channels, { onMessage: () => undefined });
    left.remove(channels);
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const kept = await subscriber.subscribe([last], { onMessage: () => undefined });
    // Whatever is left chunk by chunk is left by then.
    for (let trips = 0; trips < 6; trips += 1) await kept.add([`${last}/${String(trips)}`]);
    expect(await commands.command(["PUBLISH", last, "heard"])).toBe(1);
  }
});

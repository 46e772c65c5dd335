import { expect, it } from "vitest";
import { RedisReplyError } from "../../../../src/adapters/redis/connections/redis-link.ts";
import { checkServer } from "../../../../src/adapters/redis/connections/server-check.ts";

it("a server older than 6.2 is refused by its version", () => {
  for (const version of ["5.0.14", "6.0.16"]) {
    expect(() => checkServer([`redis_version:${version}\r\n`])).toThrow(
      `it is Redis ${version}. At least 6.2 is needed.`,
    );
  }
  for (const version of ["6.2.0", "7.0.15", "10.0.0"])
    expect(checkServer([`redis_version:${version}\r\n`])).toEqual([]);
});

it("a server that is loading, and a replica that takes no writes, are refused", () => {
  expect(() => checkServer(["loading:1\r\n"])).toThrow("it is loading its data");
  expect(() => checkServer(["role:slave\r\nslave_read_only:1\r\n"])).toThrow("it is a replica");
  expect(checkServer(["role:slave\r\nslave_read_only:0\r\n"])).toEqual([]);
});

it("a server that evicts, or that is full, is warned of", () => {
  expect(checkServer(["maxmemory:0\r\nmaxmemory_policy:noeviction\r\n"])).toEqual([]);
  expect(checkServer(["maxmemory_policy:allkeys-lru\r\n"])).toEqual([expect.stringContaining("allkeys-lru")]);
  expect(checkServer(["used_memory:101\r\nmaxmemory:100\r\n"])).toEqual([expect.stringContaining("maxmemory")]);
});

it("a server that does not let itself be asked is taken as it is", () => {
  expect(checkServer([new RedisReplyError("NOPERM no permissions to run the 'info' command")])).toEqual([]);
});

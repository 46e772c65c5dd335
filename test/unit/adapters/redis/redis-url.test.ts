import { describe, expect, it } from "vitest";
import { parseRedisUrl, RedisUrlError } from "../../../../src/adapters/redis/connections/redis-url.ts";

const PLAIN = { username: undefined, password: undefined, db: 0, tls: undefined };
const TRUSTING = { caFile: undefined, certFile: undefined, keyFile: undefined, isServerChecked: true };

describe("a Redis URL", () => {
  it.each([
    ["redis://", { ...PLAIN, place: { kind: "tcp", host: "localhost", port: 6379 } }],
    ["redis://cache:7000/3", { ...PLAIN, db: 3, place: { kind: "tcp", host: "cache", port: 7000 } }],
    ["REDIS://[::1]:7000", { ...PLAIN, place: { kind: "tcp", host: "::1", port: 7000 } }],
    [
      "redis://ann:p%40ss%2Fw%25@h/1",
      { ...PLAIN, username: "ann", password: "p@ss/w%", db: 1, place: { kind: "tcp", host: "h", port: 6379 } },
    ],
    ["redis://:a@b:c@h", { ...PLAIN, password: "a@b:c", place: { kind: "tcp", host: "h", port: 6379 } }],
    ["redis://h?db=4&socket_timeout=3", { ...PLAIN, db: 4, place: { kind: "tcp", host: "h", port: 6379 } }],
    ["rediss://h", { ...PLAIN, tls: TRUSTING, place: { kind: "tcp", host: "h", port: 6379 } }],
    [
      "rediss://h?ssl_cert_reqs=CERT_NONE&ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
      {
        ...PLAIN,
        tls: { caFile: "/ca.pem", certFile: "/c.pem", keyFile: "/k.pem", isServerChecked: false },
        place: { kind: "tcp", host: "h", port: 6379 },
      },
    ],
    [
      "redis+socket:///tmp/a%20b.sock?virtual_host=/2",
      { ...PLAIN, db: 2, place: { kind: "socket", path: "/tmp/a b.sock" } },
    ],
    [
      "unix://:pw@/tmp/a.sock?db=2",
      { ...PLAIN, password: "pw", db: 2, place: { kind: "socket", path: "/tmp/a.sock" } },
    ],
    [
      "sentinel://:pw@a/2;sentinel://b:1?master_name=main",
      {
        ...PLAIN,
        password: "pw",
        db: 2,
        place: {
          kind: "sentinel",
          sentinels: [
            { host: "a", port: 26_379 },
            { host: "b", port: 1 },
          ],
          masterName: "main",
        },
      },
    ],
  ])("%s says where to go and as whom", (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  it("leaves the sentinels' name for the master to an option", () => {
    expect(parseRedisUrl("sentinel://a", "main").place).toMatchObject({ masterName: "main" });
  });

  it.each([
    ["redis:", "A Redis URL reads"],
    ["redis://h:port", '"h:port" is no host and port'],
    ["redis://h:65536", "is no host and port"],
    ["redis://::1", "is no host and port"],
    ["redis://h/main", '"main" is no number of a Redis database'],
    ["redis://h?dbb=1", 'unknown parameter "dbb". Known: db,'],
    ["redis://:50%@h", "The password of the Redis URL is not percent-encoded"],
    ["rediss://h?ssl_cert_reqs=maybe", 'ssl_cert_reqs is "maybe"'],
    ["unix://tmp/a.sock", "names no socket. Write unix:///path"],
    ["redis+socket://", "names no socket"],
    ["redis://a;redis://b", "Only sentinel:// URLs may be several"],
    ["sentinel://a", "The sentinels' name for the master is missing"],
    ["sentinel://a;b:1?master_name=m", "A Redis URL reads"],
    ["sentinel://a;redis://b?master_name=m", "Each of several sentinels"],
  ])("%s is refused with what is wrong", (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(RedisUrlError);
    expect(() => parseRedisUrl(url)).toThrow(message);
  });

  it("never shows its password in an error", () => {
    for (const url of ["redis://:secret@h:port", "redis://:secret%@h", "redis://:secret@h/db"]) {
      expect(() => parseRedisUrl(url)).toThrow(/^(?!.*secret)/);
    }
  });
});

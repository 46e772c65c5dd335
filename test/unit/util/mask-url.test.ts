import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskSecrets, maskUrl } from "../../../src/util/mask-url.ts";

describe("maskUrl", () => {
  it.each([
    ["redis://:s3cret@host:6379/0", "redis://:***@host:6379/0"],
    ["amqp://user:p@ss@host//vhost", "amqp://user:***@host//vhost"],
    ["amqp://user:p%40ss%2F@host", "amqp://user:***@host"],
    ["redis://u:a/b?c#d@host/0?x=1", "redis://u:***@host/0?x=1"],
    ["redis://u:two words@host", "redis://u:***@host"],
    ["sqs://AKIA:se+cr/et=@", "sqs://AKIA:***@"],
    ["redis://:x@[::1]:6379/0", "redis://:***@[::1]:6379/0"],
    ["amqp://a:b@h1;amqp://c:d@h2", "amqp://a:***@h2"],
    ["https://token@host/path", "https://***@host/path"],
    ["postgres://user@host/db?password=abc&sslmode=require", "postgres://user@host/db?password=***&sslmode=require"],
    ["rediss://u:p@h/0?ssl_cert=a&access_token=zz#f", "rediss://u:***@h/0?ssl_cert=a&access_token=***#f"],
    ["postgres://u:p@h/db?application_name=a@b", "postgres://u:***@b"],
    ["user:secret@host/db", "user:***@host/db"],
  ])("hides the secret of %s", (url, masked) => {
    expect(maskUrl(url)).toBe(masked);
  });

  it.each([
    "memory:",
    "sqlite:celeriac.db",
    "sqlite:/home/me@work/a:b.db",
    "redis://[::1]:6379/0",
    "redis://host:6379/0",
    "amqp://guest@localhost//",
    "https://host:8080/path?email=a@b.example",
    "https://host/@scope/package",
    "",
  ])("leaves %j as it is", (url) => {
    expect(maskUrl(url)).toBe(url);
  });

  it("shows no password, whatever is in it", () => {
    const parts = fc.array(fc.constantFrom("@", ":", "/", "?", "#", "%40", "&", "=", "é", " ", "'", '"', "x", "1"), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(parts, parts, (before, after) => {
        const password = `${before.join("")}SECRET${after.join("")}`;
        expect(maskUrl(`redis://user:${password}@host:6379/0`)).not.toContain("SECRET");
      }),
    );
  });
});

describe("maskSecrets", () => {
  it.each([
    ["connecting to redis://:s3cret@host failed", "connecting to redis://:***@host failed"],
    ["a amqp://u:p@h/, b amqp://x:y@z/.", "a amqp://u:***@h/, b amqp://x:***@z/."],
    ['{"password": "two words", "user": "bob"}', '{"password": "***", "user": "bob"}'],
    ["{'api_key': 'abc'}", "{'api_key': '***'}"],
    ["host=h password='a b' user=u", "host=h password='***' user=u"],
    ["passwd: hunter2", "passwd: ***"],
    ["AWS_SECRET_ACCESS_KEY=abc/def", "AWS_SECRET_ACCESS_KEY=***"],
    ["Authorization: Bearer abc.def.ghi", "Authorization: Bearer ***"],
  ])("hides the secret in %s", (text, masked) => {
    expect(maskSecrets(text)).toBe(masked);
  });

  it.each(["", "the password is wrong", "mail to bob@host.example", "Basic auth is off", "at 10:30 @ home"])(
    "leaves %j as it is",
    (text) => {
      expect(maskSecrets(text)).toBe(text);
    },
  );

  it("takes no long time for long text", () => {
    const before = performance.now();
    for (const piece of ["a:", "a.", "x://", "password=", "@", "token"]) maskSecrets(piece.repeat(20_000));
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

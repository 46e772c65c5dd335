import { describe, expect, it } from "vitest";
import { AmqpUrlError, parseAmqpUrls } from "../../../../src/adapters/amqp/connections/amqp-url.ts";

const PLAIN = { port: 5672, username: "guest", password: "guest", vhost: "/", tls: undefined, heartbeat: undefined };

describe("a RabbitMQ URL", () => {
  it("has defaults for all but its scheme", () => {
    for (const url of ["amqp://", "amqp://localhost", "amqp://localhost/", "pyamqp://localhost//"]) {
      expect(parseAmqpUrls(url)).toEqual([{ ...PLAIN, host: "localhost" }]);
    }
  });

  it("is percent-encoded", () => {
    const [address] = parseAmqpUrls("amqp://u%40x:p%2Fw@[::1]:5673/a%2Fb?heartbeat=30");
    expect(address).toMatchObject({
      host: "::1",
      port: 5673,
      username: "u@x",
      password: "p/w",
      vhost: "a/b",
      heartbeat: 30,
    });
  });

  it("may name several nodes, which have in common what they do not say themselves", () => {
    const hosts = (url: string | readonly string[]): readonly string[] =>
      parseAmqpUrls(url).map(({ username, host, port, vhost }) => `${username}@${host}:${port}${vhost}`);
    expect(hosts("amqp://me:x@a/v;b:5673;amqp://you:y@c//")).toEqual(["me@a:5672v", "me@b:5673v", "you@c:5672/"]);
    expect(hosts(["amqp://a", "amqp://b"])).toEqual(["guest@a:5672/", "guest@b:5672/"]);
  });

  it("switches TLS on by its scheme, with RabbitMQ's parameters or Celery's", () => {
    const [one] = parseAmqpUrls("amqps://a?cacertfile=/ca.pem&verify=verify_none");
    expect(one).toMatchObject({ port: 5671, tls: { caFile: "/ca.pem", isServerChecked: false } });
    const [other] = parseAmqpUrls("amqps://a?ssl_ca_certs=/ca.pem&ssl_cert_reqs=CERT_REQUIRED");
    expect(other).toMatchObject({ tls: { caFile: "/ca.pem", isServerChecked: true } });
  });

  it("is refused with what is wrong and what to write", () => {
    for (const [url, said] of [
      ["redis://a", "reads amqp://"],
      ["amqp://a:99999", "no host and port"],
      ["amqp://a/%zz", "percent-encoded"],
      ["amqp://a?heartbeet=1", 'unknown parameter "heartbeet"'],
      ["amqp://a?heartbeat=x", "whole seconds"],
      ["amqps://a?verify=perhaps", "verify_peer"],
    ] as const) {
      expect(() => parseAmqpUrls(url)).toThrow(AmqpUrlError);
      expect(() => parseAmqpUrls(url)).toThrow(said);
    }
  });
});

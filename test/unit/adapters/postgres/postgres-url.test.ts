import { describe, expect, it } from "vitest";
import { parsePostgresUrl, PostgresUrlError } from "../../../../src/adapters/postgres/connections/postgres-url.ts";

const PLAIN = {
  host: "localhost",
  port: 5432,
  user: undefined,
  password: undefined,
  database: undefined,
  tls: undefined,
  applicationName: "celeriac",
  schema: "celeriac",
  mayMigrate: true,
};
const TRUSTING = { caFile: undefined, certFile: undefined, keyFile: undefined, check: "require" };

describe("a Postgres URL", () => {
  it.each([
    ["postgres://", PLAIN],
    ["postgresql://db:6000/app", { ...PLAIN, host: "db", port: 6000, database: "app" }],
    ["POSTGRES://[::1]:6000", { ...PLAIN, host: "::1", port: 6000 }],
    [
      "postgres://ann:p%40ss%2Fw%25@h/my%20app",
      { ...PLAIN, host: "h", user: "ann", password: "p@ss/w%", database: "my app" },
    ],
    ["postgres://:a@b:c@h", { ...PLAIN, host: "h", password: "a@b:c" }],
    ["postgres://h?sslmode=disable&application_name=web", { ...PLAIN, host: "h", applicationName: "web" }],
    ["postgres://h?sslmode=require", { ...PLAIN, host: "h", tls: TRUSTING }],
    [
      "postgres://h?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem",
      { ...PLAIN, host: "h", tls: { caFile: "/ca.pem", certFile: "/c.pem", keyFile: "/k.pem", check: "verify-full" } },
    ],
    ["postgres://u@%2Frun%2Fpg/app", { ...PLAIN, host: "/run/pg", user: "u", database: "app" }],
    ["postgres:///app?host=/run/pg", { ...PLAIN, host: "/run/pg", database: "app" }],
    [
      "postgres://h/app?schema=jobs&migrate=false",
      { ...PLAIN, host: "h", database: "app", schema: "jobs", mayMigrate: false },
    ],
  ])("%s says where to go, as whom, and what is ours there", (url, address) => {
    expect(parsePostgresUrl(url)).toEqual(address);
  });

  it.each([
    ["postgres:", "A Postgres URL reads"],
    ["mysql://h", "A Postgres URL reads"],
    ["postgres://a,b/app", "Write one host:port"],
    ["postgres://h:99999", "is no host and port"],
    ["postgres://h:1:2", "is no host and port"],
    ["postgres://u%@h", "The user of the Postgres URL is not percent-encoded"],
    ["postgres://h?pool=5", 'unknown parameter "pool". Known: schema, migrate, django_schema, host'],
    ["postgres://h?sslmode=prefer", "leaves it open whether the connection is encrypted"],
    ["postgres://h?schema=Mine", 'The schema is "Mine"'],
    ["postgres://h?schema=a;drop", 'The schema is "a;drop"'],
    ["postgres://h?schema=pg_mine", "does not begin with"],
    [`postgres://h?schema=${"x".repeat(51)}`, "50 at most"],
    ["postgres://h?migrate=no", "write migrate=true or migrate=false"],
  ])("%s is refused, and why is said", (url, why) => {
    expect(() => parsePostgresUrl(url)).toThrow(PostgresUrlError);
    expect(() => parsePostgresUrl(url)).toThrow(why);
  });
});

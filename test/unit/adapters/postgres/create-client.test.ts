import { describe, expect, it } from "vitest";
import { createClient } from "../../../../src/adapters/postgres/connections/create-client.ts";
import { parsePostgresUrl } from "../../../../src/adapters/postgres/connections/postgres-url.ts";

const sslOf = (url: string, tls?: { readonly ca?: string; readonly rejectUnauthorized?: boolean }): unknown =>
  createClient({ address: parsePostgresUrl(url), tls }).ssl;

describe("TLS to a Postgres", () => {
  it("is what the URL says where no options are given", () => {
    expect(sslOf("postgres://db/app")).toBe(false);
    expect(sslOf("postgres://db/app?sslmode=require")).toMatchObject({ rejectUnauthorized: false });
    expect(sslOf("postgres://db/app?sslmode=verify-full")).toMatchObject({ rejectUnauthorized: true });
  });

  it("checks the certificate where options are given that do not say otherwise", () => {
    expect(sslOf("postgres://db/app?sslmode=require", { ca: "CA" })).toMatchObject({
      ca: "CA",
      rejectUnauthorized: true,
    });
    expect(sslOf("postgres://db/app", { rejectUnauthorized: false })).toMatchObject({ rejectUnauthorized: false });
  });
});

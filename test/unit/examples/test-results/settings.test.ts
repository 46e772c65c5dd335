import { describe, expect, it } from "vitest";
import { readSettings } from "../../../../examples/test-results/settings.ts";

describe("the settings", () => {
  it("need nothing of the environment", () => {
    expect(readSettings({})).toEqual({
      dataDir: ".data/test-results",
      databaseUrl: "sqlite:.data/test-results/results.db",
      celeriacUrl: "sqlite:.data/test-results/celeriac.db",
    });
  });

  it.each([
    [{ POSTGRESQL_HOST: "db" }, "postgres://db:5432"],
    [
      { POSTGRESQL_HOST: "db", POSTGRESQL_USER: "u", POSTGRESQL_PASSWORD: "p@ss/w:rd", POSTGRESQL_DATABASE: "ibutsu" },
      "postgres://u:p%40ss%2Fw%3Ard@db:5432/ibutsu",
    ],
    [
      { POSTGRES_HOSTNAME: "db", POSTGRES_PORT: "5433", POSTGRES_DB: "d", POSTGRES_SSLMODE: "require" },
      "postgres://db:5433/d?sslmode=require",
    ],
    [{ POSTGRES_HOST: "old", POSTGRESQL_HOST: "new" }, "postgres://new:5432"],
    [{ DATABASE_URL: "sqlite:x.db", POSTGRES_HOST: "db" }, "sqlite:x.db"],
    [{ POSTGRES_HOST: "" }, "sqlite:.data/test-results/results.db"],
  ])("of %j name the database %s", (env: Record<string, string | undefined>, url) => {
    expect(readSettings(env).databaseUrl).toBe(url);
  });
});

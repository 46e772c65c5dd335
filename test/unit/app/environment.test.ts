import { describe, expect, it } from "vitest";
import { checkRequiredEnv } from "../../../src/app/environment.ts";
import { resolveConfig } from "../../../src/app/resolve-config.ts";

describe("checkRequiredEnv", () => {
  const { config } = resolveConfig({
    code: { requiredEnv: { worker: ["DB_URL", "DB_PASSWORD"], producer: ["API_KEY"] } },
  });

  it("names every variable that the role lacks (S2-32)", () => {
    expect(() => checkRequiredEnv({ config, env: {} }, "worker")).toThrow(/worker.*DB_URL, DB_PASSWORD/);
    expect(() => checkRequiredEnv({ config, env: { DB_URL: "x", DB_PASSWORD: "" } }, "worker")).toThrow(
      /: DB_PASSWORD /,
    );
    expect(() => checkRequiredEnv({ config, env: {} }, "producer")).toThrow(/producer.*API_KEY/);
  });

  it("is content with what the role needs", () => {
    expect(() => checkRequiredEnv({ config, env: { DB_URL: "x", DB_PASSWORD: "y" } }, "worker")).not.toThrow();
  });
});

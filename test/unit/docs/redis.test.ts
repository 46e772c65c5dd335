import { describe, expect, it } from "vitest";
import { parseRedisUrl, REDIS_URL_PARAMETERS } from "../../../src/adapters/redis/connections/redis-url.ts";
import { propertiesOf, readPage, rowsOf } from "./reference.ts";

const page = await readPage("redis.md");
/** Of all tables under the heading, as one. */
const FIRST_CELLS = rowsOf(page, "URLs and properties").map(([cell = ""]) => cell);
const NAMES = FIRST_CELLS.flatMap((cell) => cell.split(", ")).map((name) => name.replaceAll("`", ""));
const URLS = NAMES.filter((name) => name.includes("://"));

describe("the reference of Redis", () => {
  it.each(URLS)("shows a URL that is understood: %s", (url) => {
    expect(() => parseRedisUrl(url)).not.toThrow();
  });

  it("shows a URL of each kind", () => {
    const schemes = URLS.map((url) => url.split(":")[0]);
    expect(schemes).toEqual(["redis", "rediss", "redis+socket", "unix", "sentinel"]);
  });

  it("names every parameter of URLs, and every property beside them, and no other", async () => {
    const options = await propertiesOf("src/adapters/redis/redis-options.ts", "RedisOptions");
    const named = NAMES.filter((name) => /^\w+$/.test(name) && name !== "property" && name !== "parameter");
    expect([...named].sort()).toEqual([...REDIS_URL_PARAMETERS, ...options].sort());
  });

  it("names every property of TLS", async () => {
    const named = rowsOf(page, "Redis behind TLS").map(([name = ""]) => name.replaceAll("`", ""));
    expect(named).toEqual(await propertiesOf("src/adapters/redis/redis-options.ts", "RedisTlsOptions"));
  });
});

import { describe, expect, it } from "vitest";
import { parsePostgresUrl, POSTGRES_URL_PARAMETERS } from "../../../src/adapters/postgres/connections/postgres-url.ts";
import { tables } from "../../../src/adapters/postgres/schema/tables.ts";
import { namesIn, propertiesOf, readPage, rowsOf } from "./reference.ts";

const page = await readPage("postgres.md");
/** Of all tables under the heading, as one. */
const FIRST_CELLS = rowsOf(page, "URLs and properties").map(([cell = ""]) => cell);
const NAMES = FIRST_CELLS.flatMap((cell) => cell.split(", ")).map((name) => name.replaceAll("`", ""));
const URLS = NAMES.filter((name) => name.includes("://"));

describe("the reference of Postgres", () => {
  it.each(URLS)("shows a URL that is understood: %s", (url) => {
    expect(() => parsePostgresUrl(url)).not.toThrow();
  });

  it("names every parameter of URLs, and every property beside them, and no other", async () => {
    const options = await propertiesOf("src/adapters/postgres/postgres-options.ts", "PostgresOptions");
    const named = NAMES.filter((name) => /^\w+$/.test(name) && name !== "property" && name !== "parameter");
    expect([...named].sort()).toEqual([...POSTGRES_URL_PARAMETERS, ...options].sort());
  });

  it("names every property of TLS", async () => {
    const options = await propertiesOf("src/adapters/postgres/postgres-options.ts", "PostgresTlsOptions");
    expect(namesIn(page, "Postgres behind TLS")).toEqual(options);
  });

  it("names every table, and no other", () => {
    const made = [...tables("s").matchAll(/CREATE TABLE s\.(\w+)/g)].map(([, name]) => String(name));
    expect([...namesIn(page, "Tables")].sort()).toEqual(made.sort());
  });
});

import { describe, expect, it } from "vitest";
import { HAZARD_RULES } from "../../../src/app/hazards.ts";
import { resolveConfig } from "../../../src/app/resolve-config.ts";
import { SETTINGS } from "../../../src/app/settings.ts";
import { namesIn, propertiesOf, readPage, rowsOf } from "./reference.ts";

const page = await readPage("configuration.md");
const FALLBACKS = Object.entries(SETTINGS).map(([key, { fallback }]) => [key, fallback] as const);
const OPTIONS = rowsOf(page, "Options").map(([option = "", , fallback = "", variables = ""]) => ({
  key: option.replaceAll("`", ""),
  fallback,
  variables: variables.split(", ").map((name) => name.replaceAll("`", "")),
}));

/** A plain value is shown as it is; nothing, and what has parts, in words. */
function showFallback(value: unknown, shown: string): string {
  const isPlain = value !== undefined && (typeof value !== "object" || (Array.isArray(value) && value.length > 0));
  return isPlain ? `\`${JSON.stringify(value)}\`` : shown.replace(/^`.*/, "words");
}

/** Text that a variable of the option may hold. */
function sampleOf(key: string, fallback: unknown): string {
  if (key === "workerConcurrency") return "1"; // its default depends on the pool, and none is no value
  if (typeof fallback === "string") return fallback;
  if (typeof fallback === "object" && !Array.isArray(fallback)) return "{}";
  return JSON.stringify(fallback ?? null);
}

describe("the reference of the configuration", () => {
  it("names every option in the order of the table of settings, and no other", () => {
    expect(OPTIONS.map(({ key }) => key)).toEqual(FALLBACKS.map(([key]) => key));
  });

  it.each(FALLBACKS)("tells the default of %s", (key, fallback) => {
    const shown = OPTIONS.find((option) => option.key === key)?.fallback ?? "";
    expect(shown).toBe(showFallback(fallback, shown));
  });

  it.each(FALLBACKS)("tells variables that set %s", (key, fallback) => {
    const { variables = [] } = OPTIONS.find((option) => option.key === key) ?? {};
    expect(variables).not.toEqual([]);
    for (const variable of variables) {
      const { sources } = resolveConfig({ environment: { [variable]: sampleOf(key, fallback) } });
      expect([...sources].filter(([, { source }]) => source === "environment").map(([name]) => name)).toEqual([key]);
    }
  });

  it.each([
    ["Broker transport options", "src/app/config.ts", "BrokerTransportOptions"],
    ["Transport options of a Redis", "src/app/config.ts", "ResultBackendTransportOptions"],
    ["Queues", "src/app/config.ts", "QueueConfig"],
    ["Publish retries", "src/app/config.ts", "PublishRetryConfig"],
    ["Surroundings", "src/app/celeriac.ts", "AppSurroundings"],
    ["A worker of your own", "src/worker/options.ts", "WorkerOptions"],
  ])("names every property under %s", async (heading, path, name) => {
    expect(namesIn(page, heading)).toEqual(await propertiesOf(path, name));
  });

  it("names every hazard with what it does, and no other", () => {
    const rows = rowsOf(page, "Hazards").map(([id = "", severity]) => [id.replaceAll("`", ""), severity]);
    expect(rows).toEqual(Object.entries(HAZARD_RULES).map(([id, { severity }]) => [id, severity]));
  });
});

import { readFile } from "node:fs/promises";
import { glob } from "tinyglobby";
import { describe, expect, it } from "vitest";

const ROOT = new URL("../../../", import.meta.url).pathname;
const CLASS = /export (?:abstract )?class (\w+) extends \w+ \{\s+(?:override )?readonly code = "(CELERIAC_\w+)"/g;
const ROW = /^\| `(CELERIAC_\w+)` \| `(\w+)` \|/gm;

async function errorsInCode(): Promise<readonly string[]> {
  const files = await glob("src/**/*.ts", { cwd: ROOT, absolute: true });
  const sources = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return sources.flatMap((source) =>
    [...source.matchAll(CLASS)].map(([, name, code]) => `${String(code)} ${String(name)}`),
  );
}

async function errorsInReference(): Promise<readonly string[]> {
  const page = await readFile(`${ROOT}docs/reference/errors.md`, "utf8");
  return [...page.matchAll(ROW)].map(([, code, name]) => `${String(code)} ${String(name)}`);
}

describe("the reference of errors", () => {
  it("names every error class with its code, and no other", async () => {
    const inCode = await errorsInCode();
    expect(inCode.length).toBeGreaterThan(20);
    expect([...(await errorsInReference())].sort()).toEqual([...inCode].sort());
  });

  it("gives every code to one class only", async () => {
    const codes = (await errorsInCode()).map((line) => line.split(" ")[0]);
    expect(new Set(codes).size).toBe(codes.length);
  });
});

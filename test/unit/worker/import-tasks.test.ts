import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TaskImportError } from "../../../src/app/errors.ts";
import { importTaskModules } from "../../../src/worker/import-tasks.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "celeriac-tasks-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const imported = globalThis as { order?: string[] };
const write = (name: string, source: string): Promise<void> => writeFile(join(directory, name), source);
const noteOf = (name: string): string => `(globalThis.order ??= []).push("${name}");`;

describe("importing task modules", () => {
  it("imports all that the globs name, each once, in the order of their paths", async () => {
    imported.order = [];
    for (const name of ["b", "a", "c"]) await write(`${name}.mjs`, noteOf(name));
    await write("not-a-module.txt", "{");
    await importTaskModules(["[ab].mjs", join(directory, "*.mjs")], directory);
    expect(imported.order).toEqual(["a", "b", "c"]);
  });

  it("stops at a module that fails, and names it with its error", async () => {
    await write("good.mjs", "");
    await write("broken.mjs", "throw new Error('no database')");
    const error: unknown = await importTaskModules(["*.mjs"], directory).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TaskImportError);
    expect(error).toMatchObject({ module: join(directory, "broken.mjs") });
    expect((error as Error).message).toContain("no database");
  });

  it("takes a glob that names nothing for a mistake", async () => {
    await expect(importTaskModules(["tsaks/*.mjs"], directory)).rejects.toThrow("tsaks/*.mjs");
  });
});

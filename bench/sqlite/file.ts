import { statSync } from "node:fs";
import { join } from "node:path";
import type { Ground } from "../celeriac/contender.ts";

export const sqliteFile: Ground = {
  urlOf: ({ directory }, synchronous = "full") => `sqlite:${fileIn(directory)}?synchronous=${synchronous}`,
  /** Of the closed file. */
  sizeOf: async ({ directory }) => statSync(fileIn(directory), { throwIfNoEntry: false })?.size ?? 0,
};

export function fileIn(directory: string): string {
  return join(directory, "bench.db");
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CliBed } from "./cli.ts";

/** For `openCliBed`: `test.block` keeps its event loop from turning until the file `go` is there, `test.add` does nothing of the kind. */
export const BLOCKING_TASKS = `
  import { existsSync, rmSync } from "node:fs";
  app.task("test.block", () => {
    while (!existsSync("go"));
    rmSync("go");
  });
  app.task("test.add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
`;

/** Ends the block that is under way, or the next. */
export function unblock(bed: Pick<CliBed, "directory">): Promise<void> {
  return writeFile(join(bed.directory, "go"), "");
}

import { canvasFunctions } from "./canvas-functions.ts";
import { chordFunctions } from "./chord-functions.ts";
import { keyFunctions } from "./key-functions.ts";
import { pruneFunction } from "./prune-function.ts";
import { resultFunctions } from "./result-functions.ts";
import { tables } from "./tables.ts";

/** Step n leads from version n to n + 1, in the schema of that name. Steps are never changed once released, and none leads back. */
export const MIGRATIONS: readonly ((schema: string) => string)[] = [
  (schema) =>
    [tables, resultFunctions, chordFunctions, canvasFunctions, keyFunctions, pruneFunction]
      .map((part) => part(schema))
      .join("\n"),
];

import { canvasFunctions } from "./canvas-functions.ts";
import { chordFunctions } from "./chord-functions.ts";
import { identifier } from "../connections/identifier.ts";
import { djangoFunctions } from "./django-functions.ts";
import { keyFunctions } from "./key-functions.ts";
import { pruneFunctions } from "./prune-functions.ts";
import { channelOf, resultFunctions } from "./result-functions.ts";
import { tables } from "./tables.ts";

/** Step n leads from version n to n + 1, in the schema of that name. Steps are never changed once released, and none leads back. */
export const MIGRATIONS: readonly ((name: string) => string)[] = [
  (name) => {
    const schema = identifier(name);
    return [
      tables(schema),
      resultFunctions(schema, channelOf(name)),
      chordFunctions(schema),
      canvasFunctions(schema),
      djangoFunctions(schema),
      keyFunctions(schema),
      pruneFunctions(schema),
    ].join("\n");
  },
];

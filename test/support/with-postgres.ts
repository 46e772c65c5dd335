import { it as anyIt } from "vitest";
import { HAS_POSTGRES } from "./postgres-places.ts";

/** vitest's own, skipped where there is no Postgres. */
export const it = anyIt.skipIf(!HAS_POSTGRES);

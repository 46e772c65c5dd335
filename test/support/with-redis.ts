import { describe as anyDescribe, it as anyIt } from "vitest";
import { HAS_REDIS } from "./redis.ts";

/** vitest's own, skipped where there is no Redis to be started. */
export const describe = anyDescribe.skipIf(!HAS_REDIS);
export const it = anyIt.skipIf(!HAS_REDIS);

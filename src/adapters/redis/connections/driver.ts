import { createRequire } from "node:module";
import type { Redis } from "ioredis";
import { MissingDriverError } from "../../missing-driver-error.ts";

/** The class of ioredis' clients. Throws MissingDriverError when it does not load. */
export function loadDriver(): typeof Redis {
  try {
    const require = createRequire(import.meta.url);
    return (require("ioredis") as { readonly Redis: typeof Redis }).Redis;
  } catch (cause) {
    const isInstalled = (cause as { code?: unknown } | null)?.code !== "MODULE_NOT_FOUND";
    const problem = isInstalled ? "cannot be loaded" : "is not installed";
    throw new MissingDriverError(`Redis is spoken to with ioredis, which ${problem}. Run: npm install ioredis@6`, {
      cause,
    });
  }
}

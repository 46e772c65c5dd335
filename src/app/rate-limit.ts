import { keysOf, unknownKey } from "./known-keys.ts";

/** So many a second; or text: `"10/s"`, `"10/m"`, `"100/h"`. 0 is no limit. Celery: `celery/utils/time.py:rate`. */
export type Rate = number | string;

/** How often calls of one task may start: one after the other, evenly spaced. */
export interface RateLimitOptions {
  readonly limit: Rate;
  /** Whether each worker has it for itself, as in Celery, or all workers together. @default "worker" */
  readonly scope?: RateLimitScope;
}

export type RateLimitScope = "worker" | "cluster";

const RATE_LIMIT = keysOf<RateLimitOptions>({ limit: true, scope: true });

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** Time between two starts, in milliseconds; undefined for no limit. Throws RangeError for what is no rate. */
export function intervalOf(rate: unknown): number | undefined {
  if (rate === null || rate === "") return undefined;
  const match = typeof rate === "string" ? /^ *(\d+(?:\.\d*)?|\.\d+) *(?:\/ *([smh]) *)?$/.exec(rate) : undefined;
  const count = match === undefined ? rate : Number(match?.[1]);
  if (typeof count !== "number" || !(count >= 0 && Number.isFinite(count)))
    throw new RangeError(
      `${JSON.stringify(rate)} is no rate: give a number a second, or text such as "10/s", "10/m" or "100/h"`,
    );
  return count === 0 ? undefined : (UNIT_MS.get(match?.[2] ?? "s") ?? NaN) / count;
}

/** What is wrong with the option, as a sentence; undefined when it is fine. */
export function faultOfRateLimit(option: Rate | RateLimitOptions | null): string | undefined {
  const { limit, scope, ...rest } = rateLimitOptions(option);
  const unknown = unknownKey(rest, RATE_LIMIT);
  if (unknown !== undefined) return `unknown key ${unknown} in rateLimit.`;
  if ((scope as string) !== "worker" && (scope as string) !== "cluster")
    return 'rateLimit.scope must be "worker" or "cluster".';
  try {
    intervalOf(limit);
    return undefined;
  } catch (error) {
    return `rateLimit: ${(error as RangeError).message}.`;
  }
}

export function rateLimitOptions(option: Rate | RateLimitOptions | null): Required<RateLimitOptions> {
  return typeof option === "object" && option !== null
    ? { scope: "worker", ...option }
    : { limit: option ?? 0, scope: "worker" };
}

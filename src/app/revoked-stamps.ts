import type { KeyStore } from "../broker/key-store.ts";
import { KeysUnsupportedError } from "./errors.ts";
import { claimRevocations, revocationOf, type RevokeOptions } from "./revocation-claims.ts";

/** By the stamp's name: one value, or a list of them. What Celery's canvas stamping puts on a call. */
export type StampedHeaders = Readonly<Record<string, unknown>>;

/** One value of one stamp. */
export interface Stamp {
  readonly name: string;
  readonly value: unknown;
  /** The same for the same stamp alone. */
  readonly key: string;
}

const PREFIX = "revoked-stamp:";

/** Each value apart. A number is the same as its text, which is all that a command line has. What has parts is no value, and null is none. */
export function stampsIn(headers: StampedHeaders): readonly Stamp[] {
  return Object.entries(headers).flatMap(([name, given]) =>
    valuesIn(given)
      .filter((value) => value !== null && value !== undefined && typeof value !== "object")
      .map((value) => ({ name, value, key: PREFIX + JSON.stringify([name, String(value)]) })),
  );
}

function valuesIn(given: unknown): readonly unknown[] {
  return Array.isArray(given) ? given : [given];
}

/** Throws TypeError for headers that name no stamp, or have something for one that is no value. */
export function checkStampedHeaders(headers: StampedHeaders): void {
  const isOdd = (value: unknown): boolean => typeof value === "object" && value !== null;
  const odd = Object.entries(headers).find(([, given]) => valuesIn(given).some(isOdd));
  if (odd !== undefined) throw new TypeError(`"headers" has for "${odd[0]}" neither a value nor a list of values.`);
  if (stampsIn(headers).length === 0)
    throw new TypeError('"headers" names no stamp: give {"name": "value"} or {"name": ["value", …]}.');
}

/** False only when no stamp at all is revoked. */
export function mayHaveRevokedStamps(keys: KeyStore): boolean | Promise<boolean> {
  return keys.mayHave(PREFIX);
}

/** Of each of these calls, whether one of its stamps is revoked, and then whether its run is to be ended. */
export async function readRevokedStamps(
  calls: readonly StampedHeaders[],
  keys: KeyStore,
): Promise<readonly (Required<RevokeOptions> | undefined)[]> {
  const stamps = calls.map(stampsIn);
  const claims = await keys.read([...new Set(stamps.flat().map(({ key }) => key))]);
  return stamps.map((own) => {
    const revoked = own.flatMap(({ key }) => claims.get(key) ?? []).map(revocationOf);
    return revoked.length === 0 ? undefined : { terminate: revoked.some(({ terminate }) => terminate) };
  });
}

/** Notes that no task with one of these stamps must start. Rejects with TypeError as `checkStampedHeaders` throws it. */
export async function revokeStamps(
  headers: StampedHeaders,
  options: RevokeOptions,
  keys: KeyStore | undefined,
): Promise<void> {
  if (keys === undefined) throw new KeysUnsupportedError("Tasks cannot be revoked by their stamps");
  checkStampedHeaders(headers);
  const keyNames = stampsIn(headers).map(({ key }) => key);
  await claimRevocations(keyNames, options, keys);
}

import type { Claim, KeyStore } from "../broker/key-store.ts";

/** How long a revocation is remembered, in milliseconds: longer than anything is likely to wait in a queue. 30 days. */
const REMEMBERED_MS = 30 * 86_400_000;
const OWNER = "revoked";
/** The key's value where a run under way is to be ended too. */
const TERMINATE = "terminate";

export interface RevokeOptions {
  /** Whether a run that is under way is ended too: its signal aborts, and what does not end is killed, or in the inline pool given up. @default false */
  readonly terminate?: boolean;
}

/** Notes these keys for the whole fleet. */
export async function claimRevocations(
  keyNames: readonly string[],
  { terminate = false }: RevokeOptions,
  keys: KeyStore,
): Promise<void> {
  const value = terminate ? TERMINATE : undefined;
  await Promise.all(keyNames.map((key) => keys.claim(key, OWNER, REMEMBERED_MS, value)));
}

/** What a claim says of a revocation. */
export function revocationOf({ value }: Claim): Required<RevokeOptions> {
  return { terminate: value === TERMINATE };
}

/**
 * THE SEAM to what the whole fleet must know and what must expire by itself: revocations now; unique keys, fences and
 * leadership stand on it too.
 */
export interface KeyStore extends AsyncDisposable {
  /** True when `owner` holds the key afterwards, until `ttlMs` from now; false while another owner's claim lives. Claiming one's own key again renews it and replaces the value. */
  claim(key: string, owner: string, ttlMs: number, value?: string): Promise<boolean>;
  /** False when `owner` no longer held the key; it is then not held afterwards either. */
  renew(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** False when `owner` did not hold the key. */
  release(key: string, owner: string): Promise<boolean>;
  /** The living claims among `keys`. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>>;
}

export interface Claim {
  readonly owner: string;
  readonly value: string | undefined;
}

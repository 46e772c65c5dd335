/** What names one claim of a key where claims are renewed as leases are. */
export interface ClaimName {
  readonly key: string;
  readonly owner: string;
}

export function formatClaim({ key, owner }: ClaimName): string {
  return JSON.stringify([key, owner]);
}

export function parseClaim(receipt: string): ClaimName {
  const [key, owner] = JSON.parse(receipt) as [string, string];
  return { key, owner };
}

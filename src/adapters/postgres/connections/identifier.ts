/** A name as SQL writes it: quoted, it may be any word of SQL's own, such as "user". */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

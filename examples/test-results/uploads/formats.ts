/** How many bytes tell what a file is: a tar header has its mark at 257. */
export const HEAD_LENGTH = 512;

export function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

export function isTar(head: Buffer): boolean {
  return head.toString("latin1", 257, 262) === "ustar";
}

/** Whether it begins as XML must: with a tag, after a byte order mark and white space at most. */
export function isXml(head: Buffer): boolean {
  return /^\uFEFF?\s*</.test(head.toString("utf8"));
}

/** Names one hand-out of a message: a later one has a greater fence. */
export type Receipt = readonly [id: number, fence: number];

export function formatReceipt([id, fence]: Receipt): string {
  return `${id}:${fence}`;
}

/** Undefined for what is no receipt of ours. */
export function parseReceipt(text: string): Receipt | undefined {
  const match = /^(\d{1,16}):(\d{1,16})$/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

export interface Peeked {
  /** The first bytes: as many as asked for, or all that there are. */
  readonly head: Buffer;
  /** All the bytes, those in `head` included. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Looks at the first `length` bytes without taking them away. */
export async function peek(bytes: AsyncIterable<Uint8Array>, length: number): Promise<Peeked> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < length) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return { head: head.subarray(0, length), bytes: putBack(head, iterator) };
}

async function* putBack(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => rest };
  } finally {
    await rest.return?.();
  }
}

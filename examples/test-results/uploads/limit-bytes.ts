/** The same bytes, for as long as they are not too many: then it throws what `error` makes. */
export async function* limitBytes(
  bytes: AsyncIterable<Uint8Array>,
  most: number,
  error: () => Error,
): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of bytes) {
    seen += chunk.byteLength;
    if (seen > most) throw error();
    yield chunk;
  }
}

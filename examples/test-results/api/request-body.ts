/** How much of a refused upload is still read, in bytes; whoever sends more finds the connection closed. */
const MOST_DISCARDED_BYTES = 1024 ** 3;

/** A request's body, which may be left half-read and finished later. */
export class RequestBody {
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(request: Request) {
    this.#chunks = (request.body ?? new Blob([]).stream())[Symbol.asyncIterator]();
  }

  /** What was not read yet. A reader that stops early leaves the rest where it is. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    for (let next = await this.#chunks.next(); next.done !== true; next = await this.#chunks.next()) yield next.value;
  }

  /** Reads the rest for nothing: most clients listen for an answer only once they have sent everything. Never rejects. */
  async discard(): Promise<void> {
    let discarded = 0;
    try {
      for await (const chunk of this.bytes()) {
        discarded += chunk.byteLength;
        if (discarded > MOST_DISCARDED_BYTES) return;
      }
    } catch {
      // The client is gone.
    }
  }
}

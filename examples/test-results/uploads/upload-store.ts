import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Uploaded files as they came, each under an id. */
export class UploadStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Resolves once all is on the disk; when it rejects, nothing is. */
  async save(bytes: AsyncIterable<Uint8Array>): Promise<{ readonly id: string; readonly size: number }> {
    await mkdir(this.#directory, { recursive: true });
    const id = randomUUID();
    const unfinished = `${this.#path(id)}.part`;
    try {
      const file = createWriteStream(unfinished, { flush: true });
      await pipeline(bytes, file);
      await rename(unfinished, this.#path(id));
      return { id, size: file.bytesWritten };
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  read(id: string): AsyncIterable<Uint8Array> {
    return createReadStream(this.#path(id));
  }

  /** Removing what is not there is fine. */
  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return join(this.#directory, id);
  }
}

import { Readable, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { InvalidReportError } from "../junit/index.ts";
import { HEAD_LENGTH, isGzip, isTar } from "./formats.ts";
import { limitBytes } from "./limit-bytes.ts";
import { peek } from "./peek.ts";

/** What an upload may unpack to, in bytes. A gzip bomb ends here. */
const MOST_BYTES = 1024 ** 3;
const MOST_ENTRIES = 10_000;

export interface PackedFile {
  /** Its name in the archive: a label, never a path. Null for an upload that is no archive. */
  readonly entry: string | null;
  readonly isReport: boolean;
  /** Ends when the next file is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What an upload holds: the report itself, plain or in gzip, or the entries of a tar.gz. Rejects with InvalidReportError. */
export async function* unpack(upload: AsyncIterable<Uint8Array>): AsyncGenerator<PackedFile> {
  const outer = await peek(upload, HEAD_LENGTH);
  const unpacked = isGzip(outer.head) ? gunzip(outer.bytes) : outer.bytes;
  const inner = await peek(limitBytes(unpacked, MOST_BYTES, tooLarge), HEAD_LENGTH);
  if (isTar(inner.head)) yield* entriesOf(inner.bytes);
  else yield { entry: null, isReport: true, bytes: inner.bytes };
}

async function* gunzip(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* pipeline(
      Readable.from(bytes),
      createGunzip({ chunkSize: 64 * 1024 }),
      ignoreOutcome,
    ) as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (!String((error as { code?: unknown }).code).startsWith("Z_")) throw error;
    throw new InvalidReportError(`The upload cannot be decompressed: ${(error as Error).message}.`, { cause: error });
  }
}

async function* entriesOf(archive: AsyncIterable<Uint8Array>): AsyncGenerator<PackedFile> {
  const tar = extract();
  pipeline(Readable.from(archive), tar, ignoreOutcome);
  let entries = 0;
  try {
    for await (const entry of tar) {
      if (++entries > MOST_ENTRIES)
        throw new InvalidReportError(`The archive has more than ${String(MOST_ENTRIES)} entries.`);
      const { name, type } = entry.header;
      yield {
        entry: name,
        isReport: type === "file" && isReportName(name),
        bytes: withoutClosing(entry as AsyncIterable<Uint8Array>),
      };
      entry.resume();
    }
  } catch (error) {
    throw explained(error);
  }
}

/** A reader that stops half-way closes what it reads, and an entry would take the whole archive with it. */
async function* withoutClosing(entry: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = entry[Symbol.asyncIterator]();
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  } catch (error) {
    throw explained(error);
  }
}

/** tar-stream's own complaints are plain errors; whatever else comes through the stream has a class or a code. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error.constructor !== Error || "code" in error) return error;
  return new InvalidReportError(`The archive is damaged: ${error.message}.`, { cause: error });
}

/** Files such as `._report.xml` are what macOS adds of its own. */
function isReportName(name: string): boolean {
  return /(^|\/)[^./][^/]*\.xml$/i.test(name);
}

function tooLarge(): Error {
  return new InvalidReportError(`The upload unpacks to more than ${String(MOST_BYTES / 1024 ** 2)} MB.`);
}

/** Errors reach whoever reads the last stream. */
function ignoreOutcome(): void {}

import { brotliCompressSync, brotliDecompressSync, deflateSync, unzipSync } from "node:zlib";
import type { ZlibOptions } from "node:zlib";
import { toError } from "../util/errors.ts";
import { UnreadableMessageError } from "./errors.ts";

/** Kombu's names. Its `gzip` and `zlib` are one: bytes in the zlib format, called `application/x-gzip`. */
export type Compression = "gzip" | "zlib" | "brotli";

/** Largest body that is decompressed, in bytes: a few compressed kilobytes could otherwise fill the memory. */
const MAX_DECOMPRESSED_BYTES: number = 64 * 1024 * 1024;

export interface CompressedBody {
  readonly body: Uint8Array;
  /** The value of the header `compression`. */
  readonly contentType: string;
}

export function compress(body: Uint8Array, compression: Compression): CompressedBody {
  const codec = compression === "brotli" ? BROTLI : ZLIB;
  return { body: codec.compress(body), contentType: codec.contentType };
}

/**
 * What `compress` made of a body, told by the header `compression`: a content type or an alias of one.
 * Throws UnreadableMessageError, also when the result would be larger than `maxBytes`.
 */
export function decompress(body: Uint8Array, name: string, maxBytes: number = MAX_DECOMPRESSED_BYTES): Uint8Array {
  const codec = CODECS.find((known) => known.contentType === name || known.aliases.includes(name));
  if (codec === undefined) {
    throw new UnreadableMessageError(
      `its body is compressed with ${JSON.stringify(name.slice(0, 80))}, which is not supported`,
    );
  }
  try {
    return codec.decompress(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new UnreadableMessageError(`its body is larger than ${maxBytes} bytes once decompressed`, { cause: error });
    }
    throw new UnreadableMessageError(`its body cannot be decompressed: ${toError(error).message}`, { cause: error });
  }
}

interface Codec {
  readonly contentType: string;
  readonly aliases: readonly string[];
  compress(body: Uint8Array): Uint8Array;
  decompress(body: Uint8Array, options: ZlibOptions): Uint8Array;
}

/** Reads the gzip format as well, which others may well write under that name. */
const ZLIB: Codec = {
  contentType: "application/x-gzip",
  aliases: ["gzip", "zlib"],
  compress: (body) => deflateSync(body),
  decompress: (body, options) => unzipSync(body, options),
};

/** Kombu has it where the package `brotli` is installed. */
const BROTLI: Codec = {
  contentType: "application/x-brotli",
  aliases: ["brotli"],
  compress: (body) => brotliCompressSync(body),
  decompress: (body, options) => brotliDecompressSync(body, options),
};

/** Kombu: `kombu/compression.py`. It also has bzip2 and lzma, for which Node has nothing. */
const CODECS: readonly Codec[] = [ZLIB, BROTLI];

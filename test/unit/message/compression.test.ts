import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compress, decompress } from "../../../src/message/compression.ts";
import { UnreadableMessageError } from "../../../src/message/errors.ts";

const TEXT = new TextEncoder().encode("again and ".repeat(100));

describe("compression", () => {
  it.each([
    ["gzip", "application/x-gzip"],
    ["zlib", "application/x-gzip"],
    ["brotli", "application/x-brotli"],
  ] as const)("%s is called as Kombu calls it, and undone by name and by alias", (name, contentType) => {
    const compressed = compress(TEXT, name);
    expect(compressed.contentType).toBe(contentType);
    expect(compressed.body.length).toBeLessThan(100);
    expect([...decompress(compressed.body, contentType)]).toEqual([...TEXT]);
    expect([...decompress(compressed.body, name)]).toEqual([...TEXT]);
  });

  it("writes the zlib format, which is what Kombu reads, and reads the gzip format too", () => {
    expect(compress(TEXT, "gzip").body[0]).toBe(0x78);
    expect([...decompress(gzipSync(TEXT), "application/x-gzip")]).toEqual([...TEXT]);
  });

  it("stops at the bound: a bomb does not fill the memory", () => {
    const bomb = deflateSync(new Uint8Array(10_000_000));
    expect(() => decompress(bomb, "gzip", 1_000_000)).toThrow("larger than 1000000 bytes once decompressed");
    expect(() => decompress(bomb, "gzip", 1_000_000)).toThrow(UnreadableMessageError);
    expect(() => decompress(compress(new Uint8Array(2_000_000), "brotli").body, "brotli", 1_000_000)).toThrow("larger");
    expect(decompress(bomb, "gzip", 10_000_000)).toHaveLength(10_000_000);
  });

  it.each(["application/x-bz2", "lzma", "constructor", ""])("refuses %j, which it does not have", (name) => {
    expect(() => decompress(TEXT, name)).toThrow(UnreadableMessageError);
    expect(() => decompress(TEXT, name)).toThrow("not supported");
  });

  it("throws nothing but UnreadableMessageError for what is cut short or was never compressed", () => {
    const whole = compress(TEXT, "gzip").body;
    const cut = fc.nat(whole.length - 1).map((length) => whole.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(cut, fc.uint8Array()), fc.constantFrom("gzip", "brotli"), (bytes, name) => {
        try {
          decompress(bytes, name);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableMessageError);
        }
      }),
    );
    expect(() => decompress(whole.subarray(0, -1), "gzip")).toThrow("cannot be decompressed");
  });
});

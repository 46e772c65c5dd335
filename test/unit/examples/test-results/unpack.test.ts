import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { describe, expect, it } from "vitest";
import { InvalidReportError } from "../../../../examples/test-results/junit/index.ts";
import { unpack } from "../../../../examples/test-results/uploads/index.ts";

describe("unpacking an upload", () => {
  it("hands on a plain report", async () => {
    expect(await read(Buffer.from("<testsuite/>"))).toEqual([{ entry: null, isReport: true, text: "<testsuite/>" }]);
  });

  it("knows gzip by its first bytes, several members of it too", async () => {
    const twoMembers = Buffer.concat([gzipSync("<testsuite>"), gzipSync("</testsuite>")]);
    expect(await read(twoMembers)).toEqual([{ entry: null, isReport: true, text: "<testsuite></testsuite>" }]);
  });

  it("lists the entries of an archive, with names that are only names", async () => {
    const archive = await tarGz([
      { name: "../../etc/report.xml", body: "<a/>" },
      { name: "/abs/B.XML", body: "<b/>" },
      { name: "notes.txt", body: "n" },
      { name: "._mac.xml", body: "\u0000" },
      { name: "dir/.hidden.xml", body: "h" },
      { name: "folder.xml/", type: "directory" },
      { name: "link.xml", type: "symlink", linkname: "/etc/passwd" },
    ]);
    const files = await read(archive);
    expect(files.filter(({ isReport }) => isReport)).toEqual([
      { entry: "../../etc/report.xml", isReport: true, text: "<a/>" },
      { entry: "/abs/B.XML", isReport: true, text: "<b/>" },
    ]);
    expect(files).toHaveLength(7);
  });

  it("goes on after an entry that was not read to its end", async () => {
    const archive = await tarGz([
      { name: "a.xml", body: "a".repeat(500_000) },
      { name: "b.xml", body: "b" },
      { name: "c.xml", body: "c".repeat(500_000) },
      { name: "d.xml", body: "d" },
    ]);
    const seen: string[] = [];
    for await (const { entry, bytes } of unpack(chunksOf(archive))) {
      for await (const chunk of bytes) {
        seen.push(`${String(entry)} ${String.fromCharCode(chunk[0] ?? 0)}`);
        break;
      }
    }
    expect(seen).toEqual(["a.xml a", "b.xml b", "c.xml c", "d.xml d"]);
  });

  it("can be given up half-way", async () => {
    const archive = await tarGz([
      { name: "a.xml", body: "a".repeat(500_000) },
      { name: "b.xml", body: "b" },
    ]);
    let isClosed = false;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield* chunksOf(archive, 100);
      } finally {
        isClosed = true;
      }
    };
    for await (const _file of unpack(source())) break;
    await expect.poll(() => isClosed).toBe(true);
  });

  it.each([
    ["a gzip that breaks off", gzipSync("<testsuite/>".repeat(99)).subarray(0, 30), /cannot be decompressed/],
    ["a damaged gzip", damaged(gzipSync("<testsuite/>".repeat(99))), /cannot be decompressed/],
    ["gzip's mark alone", Buffer.from([0x1f, 0x8b]), /cannot be decompressed/],
  ])("refuses %s", async (_what, upload, reason) => {
    await expect(read(upload)).rejects.toThrow(InvalidReportError);
    await expect(read(upload)).rejects.toThrow(reason);
  });

  it("refuses an archive that breaks off", async () => {
    const { gunzipSync } = await import("node:zlib");
    const tar = gunzipSync(await tarGz([{ name: "a.xml", body: "a".repeat(5_000) }]));
    await expect(read(gzipSync(tar.subarray(0, 2_000)))).rejects.toThrow(/archive is damaged/);
  });

  it("refuses an archive with a damaged header", async () => {
    const { gunzipSync } = await import("node:zlib");
    const tar = gunzipSync(
      await tarGz([
        { name: "a.xml", body: "a" },
        { name: "b.xml", body: "b" },
      ]),
    );
    tar.fill("x", 1_024, 1_124);
    await expect(read(gzipSync(tar))).rejects.toThrow(/archive is damaged/);
  });

  it("stops a gzip bomb while it unpacks", async () => {
    const megabyte = Buffer.alloc(1024 ** 2, " ");
    const bomb = Readable.from(repeat(megabyte, 1_100)).pipe((await import("node:zlib")).createGzip({ level: 1 }));
    await expect(read(bomb)).rejects.toThrow(/unpacks to more than 1024 MB/);
  }, 30_000);
});

interface Entry {
  readonly name: string;
  readonly body?: string;
  readonly type?: "directory" | "symlink";
  readonly linkname?: string;
}

async function tarGz(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { body = "", ...header } of entries) archive.entry(header, body);
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks));
}

/** What is read of an upload; of a bomb, only how it ends. */
async function read(
  upload: Buffer | AsyncIterable<Uint8Array>,
): Promise<{ entry: string | null; isReport: boolean; text: string }[]> {
  const files = [];
  for await (const { entry, isReport, bytes } of unpack(Buffer.isBuffer(upload) ? chunksOf(upload) : upload)) {
    let text = "";
    for await (const chunk of bytes) if (text.length < 1_000_000) text += Buffer.from(chunk).toString();
    files.push({ entry, isReport, text });
  }
  return files;
}

async function* chunksOf(bytes: Buffer, length = 1_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

function* repeat(chunk: Buffer, times: number): Generator<Buffer> {
  for (let time = 0; time < times; time += 1) yield chunk;
}

function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill(0xff, 12, 20);
  return copy;
}

import { HTTPException } from "hono/http-exception";
import type { RequestBody } from "./request-body.ts";
import { HEAD_LENGTH, isGzip, isXml, limitBytes, peek } from "../uploads/index.ts";

const MOST_BYTES = 150 * 1024 ** 2;
/** Forms are held in memory. */
const MOST_FORM_BYTES = 16 * 1024 ** 2;

export interface Upload {
  readonly name: string;
  /** Ends with an HTTPException when it gets too long. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The report in a request: its body, or the one file of its form. Rejects with HTTPException 400, 413 or 415. */
export async function readUpload(request: Request, body: RequestBody): Promise<Upload> {
  const isForm = request.headers.get("content-type")?.startsWith("multipart/form-data") === true;
  const { name, bytes } = isForm ? await readForm(request, body) : readBody(request, body);
  const { head, bytes: whole } = await peek(bytes, HEAD_LENGTH);
  if (head.length === 0) throw badRequest("The upload is empty.");
  if (!isGzip(head) && !isXml(head)) {
    throw new HTTPException(415, {
      message: "A report is JUnit XML, plain or in gzip, or a tar.gz archive of such files.",
    });
  }
  return { name, bytes: whole };
}

function readBody(request: Request, body: RequestBody): Upload {
  const name = new URL(request.url).searchParams.get("name") ?? "upload";
  return { name: labelOf(name), bytes: limited(body, MOST_BYTES) };
}

async function readForm(request: Request, body: RequestBody): Promise<Upload> {
  const files = [...(await parseForm(request, body)).values()].filter((value) => value instanceof File);
  const [file] = files;
  if (file === undefined || files.length > 1) throw badRequest("The form must have exactly one file.");
  return { name: labelOf(file.name), bytes: file.stream() };
}

async function parseForm(request: Request, body: RequestBody): Promise<FormData> {
  const copy = new Request(request.url, {
    method: "POST",
    headers: { "content-type": request.headers.get("content-type") ?? "" },
    body: ReadableStream.from(limited(body, MOST_FORM_BYTES)),
    duplex: "half",
  });
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- it keeps the form in memory, which is bounded here
    return await copy.formData();
  } catch (error) {
    throw error instanceof HTTPException ? error : badRequest("The form cannot be read.");
  }
}

function badRequest(message: string): HTTPException {
  return new HTTPException(400, { message });
}

function limited(body: RequestBody, most: number): AsyncIterable<Uint8Array> {
  const message = `The upload has more than ${String(most / 1024 ** 2)} MB.`;
  return limitBytes(body.bytes(), most, () => new HTTPException(413, { message }));
}

/** A label for people, without what a terminal or a page would make of control characters. */
function labelOf(name: string): string {
  return name.replaceAll(/\p{C}/gu, "").slice(0, 200) || "upload";
}

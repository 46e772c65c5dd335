import type { DeliveryNote } from "../broker/broker.ts";

/** The message header that tells what a call was retried for, oldest first: it goes along with the caller's own. */
const HEADER = "celeriac_retries";

/** So many of the latest are kept, each with so many characters: headers are read with every message. */
const KEPT = 10;
const LONGEST_DETAIL = 300;

type Headers = Readonly<Record<string, unknown>>;

/** The headers of the next run, which remember why there is one. */
export function withRetryNote(headers: Headers, { at, code, detail }: DeliveryNote): Headers {
  const note = { at: at.toISOString(), code, detail: detail.slice(0, LONGEST_DETAIL) };
  return { ...headers, [HEADER]: [...notesIn(headers), note].slice(-KEPT) };
}

/** What a message's headers tell of the retries before it. Headers can hold anything: what is no note of ours is left out. */
export function retryNotesOf(headers: Headers): readonly DeliveryNote[] {
  return notesIn(headers).flatMap((note) => {
    const { at, code, detail } = note as Readonly<Record<string, unknown>>;
    if (typeof at !== "string" || typeof code !== "string" || typeof detail !== "string") return [];
    return [{ at: new Date(at), code, detail }];
  });
}

function notesIn(headers: Headers): readonly object[] {
  const notes: unknown = headers[HEADER];
  return Array.isArray(notes) ? notes.filter((note): note is object => typeof note === "object" && note !== null) : [];
}

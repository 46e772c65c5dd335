import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { Journal, readJournal } from "../../../chaos/journal.ts";

const directory = mkdtempSync(join(tmpdir(), "celeriac-journal-"));
afterAll(() => rmSync(directory, { recursive: true }));

it("keeps what others write behind a line that a killed writer has torn", () => {
  const path = join(directory, "journal");
  const journal = new Journal(path);
  journal.write({ id: "a", what: "sent", at: 1 });
  appendFileSync(path, '\n{"id":"torn","what":"ended","at":21039,');
  journal.write({ id: "b", what: "sent", at: 2 });
  expect(readJournal(path)).toEqual([
    { id: "a", what: "sent", at: 1 },
    { id: "b", what: "sent", at: 2 },
  ]);
});

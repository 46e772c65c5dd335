import { describe, expect, it } from "vitest";
import { asUnusable } from "../../../../src/adapters/postgres/connections/failure.ts";

const answer = (code: string, more: object = {}): Error =>
  Object.assign(new Error("no"), { code, severity: "ERROR", ...more });

describe("what a Postgres answers", () => {
  it.each([
    ["a value that cannot be text", answer("22021")],
    ["a statement that is none", answer("42601")],
    ["what is too long for an index", answer("54000", { routine: "index_form_tuple" })],
    ["what is no answer of a server", new Error("no")],
  ])("is what was asked for: %s", (_, error) => {
    expect(asUnusable(error)).toBeUndefined();
  });

  it.each([
    ["it was ended by an administrator", answer("57P01")],
    ["nobody reads its notifications", answer("54000", { routine: "PreCommit_Notify" })],
    ["a limit of a later version", answer("25P04")],
    ["something within it went wrong", answer("XX000")],
  ])("is its own affair, and may pass: %s", (_, error) => {
    expect(asUnusable(error)).toMatchObject({ isLasting: false });
  });

  it("may last until somebody grants or migrates", () => {
    expect(asUnusable(answer("42501"))).toMatchObject({ isLasting: true });
    expect(asUnusable(answer("42P01"))).toMatchObject({ isLasting: true });
  });
});

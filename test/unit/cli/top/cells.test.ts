import { describe, expect, it } from "vitest";
import { columnsOf, cut, fitted, oneLine } from "../../../../src/cli/top/cells.ts";

describe("a line for a terminal", () => {
  it.each([
    ["plain", 5],
    ["漢字", 4],
    ["カナ", 4],
    ["ﾊﾝｶｸ", 4],
    ["한글", 4],
    ["e\u0301te\u0301", 3],
    ["👩‍👩‍👧 x", 4],
    ["❤️", 2],
    ["\u200bz", 1],
    ["…", 1],
  ])("%s takes %i columns", (text, columns) => {
    expect(columnsOf(text)).toBe(columns);
  });

  it.each([
    ["plain", 5, "plain"],
    ["plain", 4, "pla…"],
    ["plain", 1, "…"],
    ["plain", 0, ""],
    ["漢字漢", 6, "漢字漢"],
    ["漢字漢", 5, "漢字…"],
    ["漢字漢", 4, "漢…"],
    ["漢字", 0, ""],
    ["e\u0301te\u0301s", 3, "e\u0301t…"],
    ["👩‍👩‍👧👩‍👩‍👧", 3, "👩‍👩‍👧…"],
  ])("%s is cut to %i columns as %s", (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected);
  });

  it("is filled up to its columns, left or right", () => {
    expect(fitted("漢字漢", 6)).toBe("漢字漢");
    expect(fitted("漢字漢", 4)).toBe("漢… ");
    expect(fitted("12", 4, true)).toBe("  12");
  });

  it("has nothing of others' texts that a terminal would obey", () => {
    expect(oneLine("a\u001b[2Jb\u009b31mc\u0007\u007f\td\r\ne\u202ef\u2028g\ud800h")).toBe("a�[2Jb�31mc���d� e f g h");
  });
});

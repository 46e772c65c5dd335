import { harmless } from "../remote-answer.ts";

const ELLIPSIS = "…";
const SEGMENTER = new Intl.Segmenter();

/** Scripts whose characters take two columns, by the blocks that hold them. Unicode: UAX 11, W and F. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]/u;
const EMOJI = /^\p{Emoji_Presentation}|^\p{Extended_Pictographic}\ufe0f/u;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const PLAIN = /^[ -~]*$/;
/** What breaks lines, turns the direction of what follows, or is half a character. */
const STEERING = /[\n\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text from others as one line, in which nothing is left that a terminal would obey. */
export function oneLine(text: string): string {
  return harmless(text).replace(STEERING, " ");
}

/** How many columns of a terminal a line takes. */
export function columnsOf(line: string): number {
  if (PLAIN.test(line)) return line.length;
  let columns = 0;
  for (const { segment } of SEGMENTER.segment(line)) columns += columnsOfCharacter(segment);
  return columns;
}

/** The line in so many columns at most; what is cut off ends in `…`. No character is cut in two. */
export function cut(line: string, columns: number): string {
  if (PLAIN.test(line)) {
    if (line.length <= columns) return line;
    return columns < 1 ? "" : line.slice(0, columns - 1) + ELLIPSIS;
  }
  let [taken, kept] = [0, ""];
  for (const { segment } of SEGMENTER.segment(line)) {
    taken += columnsOfCharacter(segment);
    if (taken > columns) return columns < 1 ? "" : kept + ELLIPSIS;
    if (taken < columns) kept += segment;
  }
  return line;
}

/** The line in exactly so many columns. */
export function fitted(line: string, columns: number, isToTheRight = false): string {
  const text = cut(line, columns);
  const blanks = " ".repeat(Math.max(columns - columnsOf(text), 0));
  return isToTheRight ? blanks + text : text + blanks;
}

/** Of one grapheme cluster. */
function columnsOfCharacter(character: string): number {
  if (INVISIBLE.test(character)) return 0;
  return WIDE.test(character) || EMOJI.test(character) ? 2 : 1;
}

import { columnsOf, cut, fitted } from "./cells.ts";

export interface TableColumn {
  readonly title: string;
  /** Numbers stand to the right. @default false */
  readonly isNumber?: boolean;
  /** How narrow it may become when not all fits. @default as wide as its widest cell */
  readonly least?: number;
}

const GAP = "  ";

/** A header and a line for each row, of so many columns at most: where not all fits, the widest of those that may shrink do so first. Cells must be one line each. */
export function fitTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => columnsOf(line[index] ?? ""))));
  shrink(widths, columns, width - GAP.length * (columns.length - 1));
  return lines.map((line) => {
    const cells = columns.map(({ isNumber }, index) => fitted(line[index] ?? "", widths[index] ?? 0, isNumber));
    return cut(cells.join(GAP).trimEnd(), width);
  });
}

function shrink(widths: number[], columns: readonly TableColumn[], width: number): void {
  let excess = widths.reduce((sum, columnWidth) => sum + columnWidth, 0) - width;
  while (excess > 0) {
    const roomy = widths.flatMap((columnWidth, index) =>
      columnWidth > (columns[index]?.least ?? Infinity) ? index : [],
    );
    const [first, ...others] = roomy;
    if (first === undefined) return;
    const widest = others.reduce((best, index) => ((widths[index] ?? 0) > (widths[best] ?? 0) ? index : best), first);
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
}

import type { Scenario } from "./scenario.ts";
import type { Summary } from "./stats.ts";

export interface Figure {
  readonly scenario: string;
  readonly unit: Scenario["unit"];
  readonly contender: string;
  readonly summary: Summary;
  /** Median over the limit's median; null for the limit itself. */
  readonly ratio: number | null;
}

const COLUMNS = ["scenario", "contender", "median", "min – max", "of the limit"] as const;

/** A table for people. */
export function asTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.scenario,
    figure.contender,
    format(figure.summary.median, figure.unit),
    `${format(figure.summary.min, figure.unit)} – ${format(figure.summary.max, figure.unit)}`,
    figure.ratio === null ? "" : figure.ratio.toFixed(2),
  ]);
  const widths = COLUMNS.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ");
  return [line(COLUMNS), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n");
}

function format(value: number, unit: Scenario["unit"]): string {
  return unit === "ms" ? `${value.toFixed(2)} ms` : `${Math.round(value).toLocaleString("en")}/s`;
}

import type { Summary } from "./stats.ts";
import type { Unit } from "./suite.ts";

/** One line: a figure of a scenario, of each contender that has it. */
export interface Line {
  readonly scenario: string;
  readonly figure: string;
  readonly unit: Unit;
  /** By the contender's name. */
  readonly summaries: ReadonlyMap<string, Summary>;
}

/** A table in Markdown: medians, the extremes in brackets, and what `ours` is to the median of each of the others. */
export function asTable(lines: readonly Line[], ours: string, others: readonly string[]): string {
  const head = ["scenario", "figure", ...[ours, ...others], ...others.map((name) => `to ${name}`)];
  const rows = lines.map(({ scenario, figure, unit, summaries }) => [
    scenario,
    figure,
    ...[ours, ...others].map((name) => cell(summaries.get(name), unit)),
    ...others.map((name) => ratio(summaries.get(ours), summaries.get(name))),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, i) => text.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

function cell(summary: Summary | undefined, unit: Unit): string {
  if (summary === undefined) return "";
  const { median, min, max, runs } = summary;
  const range = runs.length > 1 ? ` (${format(min, unit)}–${format(max, unit)})` : "";
  return `${format(median, unit)}${unit === "/s" ? "" : " "}${unit}${range}`;
}

function ratio(ours: Summary | undefined, other: Summary | undefined): string {
  return ours === undefined || other === undefined ? "" : (ours.median / other.median).toFixed(2);
}

function format(value: number, unit: Unit): string {
  return unit === "ms" || unit === "µs" || unit === "MiB" || unit === "commands"
    ? value.toFixed(value < 10 ? 2 : 1)
    : Math.round(value).toLocaleString("en");
}

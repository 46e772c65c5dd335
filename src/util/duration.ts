const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** Milliseconds of a duration with its unit: `500ms`, `10s`, `1.5h`, `7d`; undefined for other text. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS.get(match[2] ?? "") ?? NaN);
}

/** A duration in milliseconds in its two largest units: `250ms`, `1.5s`, `3m`, `1h 30m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${Number((ms / 1_000).toFixed(1))}s`;
  let rest = Math.round(ms / 1_000) * 1_000;
  const parts = [...UNIT_MS].reverse().map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return { count, text: `${count}${unit}` };
  });
  const present = parts.filter(({ count }) => count > 0).map(({ text }) => text);
  return present.slice(0, 2).join(" ");
}

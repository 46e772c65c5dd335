/** What a series of measurements did. */
export interface Trend {
  readonly first: number;
  readonly last: number;
  readonly mean: number;
  readonly max: number;
  /** By how much the straight line that fits best rises from the first measurement to the last. */
  readonly growth: number;
}

/** The least-squares line through `values`, measured at the times `at`. */
export function trendOf(at: readonly number[], values: readonly number[]): Trend {
  const [first = NaN, last = NaN] = [values[0], values.at(-1)];
  const [meanAt, mean] = [meanOf(at), meanOf(values)];
  const covariance = meanOf(values.map((value, i) => (value - mean) * ((at[i] ?? NaN) - meanAt)));
  const variance = meanOf(at.map((time) => (time - meanAt) ** 2));
  const duration = (at.at(-1) ?? NaN) - (at[0] ?? NaN);
  return { first, last, mean, max: Math.max(...values), growth: (covariance / variance) * duration };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

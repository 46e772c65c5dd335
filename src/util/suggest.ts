/** The candidate that was probably meant: the nearest one in spelling, or one that has `name` in it. Case and underscores do not count. */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = normalise(name);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let containing: string | undefined;
  for (const candidate of candidates) {
    const normalised = normalise(candidate);
    if (wanted.length >= MIN_CONTAINED && normalised.includes(wanted)) containing ??= candidate;
    if (Math.abs(normalised.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, normalised);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? containing;
}

/** Shorter names are in too many others. */
const MIN_CONTAINED = 4;
/** What is longer is no misspelt name, and would take long to compare. */
const MAX_LENGTH = 100;

function normalise(name: string): string {
  return name.slice(0, MAX_LENGTH).replaceAll("_", "").toLowerCase();
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one text to the other (Damerau, restricted). */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}

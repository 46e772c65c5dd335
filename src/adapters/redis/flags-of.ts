/** What scripts answer of many items, 1 or 0 for each: `call` is made for so many `atOnce`, since others wait while one runs. */
export async function flagsOf<T>(
  items: readonly T[],
  atOnce: number,
  call: (some: readonly T[]) => Promise<unknown>,
): Promise<readonly boolean[]> {
  const calls: Promise<unknown>[] = [];
  for (let start = 0; start < items.length; start += atOnce) calls.push(call(items.slice(start, start + atOnce)));
  return ((await Promise.all(calls)) as readonly (readonly number[])[]).flat().map((flag) => flag === 1);
}

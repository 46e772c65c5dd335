/** Resolves after the I/O callbacks of this turn of the event loop: microtasks alone would not see what the whole turn brings. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

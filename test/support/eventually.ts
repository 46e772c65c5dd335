export interface EventuallyOptions {
  /** How long to go on trying, in milliseconds. @default 5_000 */
  readonly timeoutMs?: number;
  /** How long between two attempts. @default 5 */
  readonly pauseMs?: number;
}

/** Tries `attempt` again until it throws no more; its last error is thrown when the time is over. */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 5_000, pauseMs = 5 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

export interface EventuallyOptions {
  /** How long to go on trying, in milliseconds. @default 5_000 */
  readonly timeoutMs?: number;
}

const PAUSE_MS = 5;

/** Tries `attempt` again until it throws no more; its last error is thrown when the time is over. */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 5_000 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

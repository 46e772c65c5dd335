import type { QueuePause } from "../app/queue-pauses.ts";

/** A pause as scripts read it. */
export interface PauseJson {
  /** ISO 8601. */
  readonly since: string;
  readonly by: string;
  readonly reason: string | null;
}

export function pauseJson({ since, by, reason }: QueuePause): PauseJson {
  return { since: since.toISOString(), by, reason: reason ?? null };
}

/** `paused since 2026-01-31T12:00:00.000Z by ann@here: the mail server is down`; nothing for a queue that is not paused. */
export function describePause(pause: PauseJson | null): string {
  if (pause === null) return "";
  const { since, by, reason } = pause;
  return `paused since ${since} by ${by}${reason === null ? "" : `: ${reason}`}`;
}

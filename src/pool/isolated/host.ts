import type { DeadLetterReason } from "../../broker/broker.ts";
import type { JobsBegun } from "./jobs-begun.ts";
import type { Command, News } from "./protocol.ts";

/** THE INNER SEAM of isolated pools: one thread or one process that runs the child's program. */
export interface Host {
  /** Whether it can hear nothing any more, though `onGone` may not have told yet. */
  readonly isEnding: boolean;
  /** How many jobs it has begun; also once it is gone. */
  readonly jobsBegun: JobsBegun;
  /** Says something to the child. What it can no longer hear is dropped. */
  post(command: Command): void;
  /** Ends it, whatever it does; `onGone` tells when. */
  kill(): void;
}

export interface HostEvents {
  readonly onNews: (news: News) => void;
  /** Once, and last: the host is gone, whether it was told to go or not. `end` tells what is known of it. */
  readonly onGone: (end: DeadLetterReason) => void;
}

export interface HostProgram {
  readonly url: URL;
  /** Flags of Node. */
  readonly execArgv: readonly string[];
}

export type StartHost = (program: HostProgram, events: HostEvents) => Host;

/** How a host that nobody told to end is said to have ended. `what` is a thread or a process. */
export function endOf(what: string, { exitCode, signal, isOutOfMemory }: HostEnd): DeadLetterReason {
  const how = signal === null ? `exit code ${exitCode ?? "unknown"}` : `signal ${signal}`;
  if (isOutOfMemory) return { code: "out-of-memory", detail: `its ${what} ran out of memory (${how})` };
  return { code: "exited", detail: `its ${what} ended with ${how}` };
}

export interface HostEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly isOutOfMemory: boolean;
}

import type { TaskRequest } from "../message/task-request.ts";
import type { Member } from "../util/roster.ts";

/** Why a run is ended from outside. */
export type EndReason = "given-up" | "lost" | "terminated";

/** A task whose body runs here. */
export interface RunningTask extends Member {
  readonly taskId: string;
  readonly request: TaskRequest;
  /** Where its message came from. */
  readonly queue: string;
  /** How often its message was handed out, this time included. */
  readonly deliveries: number;
  /** Whether the broker has forgotten its message already. */
  readonly isAcknowledged: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Ends the run; the first reason counts. */
  end(reason: EndReason): void;
}

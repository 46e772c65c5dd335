import type { Member } from "../util/roster.ts";

/** Why a run is ended from outside. */
export type EndReason = "given-up" | "lost" | "terminated";

/** A task whose body runs here. */
export interface RunningTask extends Member {
  readonly taskId: string;
  /** Ends the run; the first reason counts. */
  end(reason: EndReason): void;
}

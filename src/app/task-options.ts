import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { RetryPolicy } from "./retry-policy.ts";

/** What can be said of a task when it is defined; a call's own options beat it. */
export interface TaskOptions extends RetryPolicy {
  /** @default what `taskRoutes` says, else `taskDefaultQueue` */
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  /** 0 to 9. @default none */
  readonly priority?: number;
  /** Calls not started after so many milliseconds end REVOKED, `expired`. @default never */
  readonly expiresMs?: number;
  /** After so many milliseconds the task's signal aborts. @default `taskSoftTimeLimit` */
  readonly softTimeLimitMs?: number;
  /** After so many milliseconds the run is ended. @default `taskTimeLimit` */
  readonly timeLimitMs?: number;
  /** Whether no result is stored. @default `taskIgnoreResult` */
  readonly ignoreResult?: boolean;
  /** Whether failures are stored all the same. @default `taskStoreErrorsEvenIfIgnored` */
  readonly storeErrorsEvenIfIgnored?: boolean;
  /** Whether the state STARTED is stored. @default `taskTrackStarted` */
  readonly trackStarted?: boolean;
}

/** How a task's arguments are named and checked. */
export interface ArgumentSpec {
  /** Names of the positional arguments, for callers that use keywords; a `?` at the end marks an argument that may be left out. */
  readonly params?: readonly string[];
  /** Checks the positional arguments: a schema of a tuple. */
  readonly args?: StandardSchemaV1;
  /** Checks the keyword arguments: a schema of an object. The handler gets that one object. */
  readonly kwargs?: StandardSchemaV1;
}

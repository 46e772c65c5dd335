import type { StandardSchemaV1 } from "@standard-schema/spec";
import { TaskDefinitionError } from "./errors.ts";
import { faultOfConcurrency, faultOfUnique, type ConcurrencyOptions, type UniqueOptions } from "./call-keys.ts";
import { keysOf, unknownKey } from "./known-keys.ts";
import { faultOfRateLimit, type Rate, type RateLimitOptions } from "./rate-limit.ts";
import { faultOfRetryPolicy, RETRY_POLICY_NAMES, type RetryPolicy } from "./retry-policy.ts";

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
  /** After so many milliseconds the run has failed and its slot is free; what the body still does is not waited for. @default `taskTimeLimit` */
  readonly timeLimitMs?: number;
  /** Whether no result is stored. @default `taskIgnoreResult` */
  readonly ignoreResult?: boolean;
  /** Whether failures are stored all the same. @default `taskStoreErrorsEvenIfIgnored` */
  readonly storeErrorsEvenIfIgnored?: boolean;
  /** Whether the state STARTED is stored. @default `taskTrackStarted` */
  readonly trackStarted?: boolean;
  /** Whether its messages are acknowledged when their run is over, and not before it begins. @default `taskAcksLate` */
  readonly acksLate?: boolean;
  /** Whether they are acknowledged also when the run failed, and not dead-lettered. @default `taskAcksOnFailureOrTimeout` */
  readonly acksOnFailureOrTimeout?: boolean;
  /** Whether a worker that sends task events tells of it too. @default true */
  readonly sendEvents?: boolean;
  /** Of calls with the same key, only one waits or runs. @default none: every call is sent */
  readonly unique?: UniqueOptions;
  /** Of calls with the same key, only so many run at once, over all workers. @default none */
  readonly concurrency?: ConcurrencyOptions;
  /** How often calls may start, on each worker or, with `{ limit, scope: "cluster" }`, on all together; 0 and null for no limit. @default `taskDefaultRateLimit` */
  readonly rateLimit?: Rate | RateLimitOptions | null;
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

const TASK_OPTIONS = keysOf<TaskOptions & ArgumentSpec>({
  queue: true,
  exchange: true,
  routingKey: true,
  priority: true,
  expiresMs: true,
  softTimeLimitMs: true,
  timeLimitMs: true,
  ignoreResult: true,
  storeErrorsEvenIfIgnored: true,
  trackStarted: true,
  ...RETRY_POLICY_NAMES,
  acksLate: true,
  acksOnFailureOrTimeout: true,
  sendEvents: true,
  unique: true,
  concurrency: true,
  rateLimit: true,
  params: true,
  args: true,
  kwargs: true,
});

const DURATIONS = ["expiresMs", "softTimeLimitMs", "timeLimitMs"] as const;

/** What the compiler cannot check in JavaScript. Throws TaskDefinitionError. */
export function checkTaskOptions(task: string, options: TaskOptions & ArgumentSpec): void {
  const refuse = (problem: string): never => {
    throw new TaskDefinitionError(`Task "${task}": ${problem}`);
  };
  const unknown = unknownKey(options, TASK_OPTIONS);
  if (unknown !== undefined) refuse(`unknown option ${unknown}`);
  for (const name of DURATIONS) {
    const value: unknown = options[name];
    if (value !== undefined && !(typeof value === "number" && value >= 0))
      refuse(`${name} must be a number of milliseconds.`);
  }
  const fault = faultOfRetryPolicy(options) ?? faultOfKeys(options) ?? faultOfLimit(options);
  if (fault !== undefined) refuse(fault);
}

function faultOfKeys({ unique, concurrency }: TaskOptions): string | undefined {
  return (unique && faultOfUnique(unique)) ?? (concurrency && faultOfConcurrency(concurrency));
}

function faultOfLimit({ rateLimit }: TaskOptions): string | undefined {
  return rateLimit === undefined ? undefined : faultOfRateLimit(rateLimit);
}

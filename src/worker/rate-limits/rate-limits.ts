import type { ResolvedConfig } from "../../app/config.ts";
import { ConfigError } from "../../app/config-error.ts";
import type { TaskDefinition } from "../../app/define-task.ts";
import { intervalOf, rateLimitOptions, type Rate, type RateLimitScope } from "../../app/rate-limit.ts";
import type { KeyStore } from "../../broker/key-store.ts";
import type { Clock } from "../../util/clock.ts";
import { RateLimiter } from "./rate-limiter.ts";

export interface RateLimitsOptions {
  readonly config: Pick<ResolvedConfig, "taskDefaultRateLimit" | "workerDisableRateLimits">;
  /** Undefined where nothing keeps what the whole fleet must know; no task may have a limit over all workers then. */
  readonly keys: KeyStore | undefined;
  readonly clock: Clock;
  /** Aborts when nothing is waited for any more. */
  readonly giveUp: AbortSignal;
  /** Told how many deliveries wait in the worker for their turn, which keep others from nothing, whenever that changes. */
  readonly onHeld: (count: number) => void;
}

/** A task's limit as it stands. */
interface Limit {
  readonly rate: Rate | null;
  /** Undefined for none. */
  readonly limiter: RateLimiter | undefined;
}

/** The rate limits of a worker's tasks, which remote control changes. */
export class RateLimits {
  readonly #options: RateLimitsOptions;
  /** By task, as soon as it is looked for. */
  readonly #limits = new Map<string, Limit>();
  #held = 0;

  constructor(options: RateLimitsOptions) {
    this.#options = options;
  }

  /** Undefined for a task without limit. */
  of(definition: TaskDefinition): RateLimiter | undefined {
    return this.#limitOf(definition).limiter;
  }

  /** As it was given at last; null where nothing was. */
  rateOf(definition: TaskDefinition): Rate | null {
    return this.#limitOf(definition).rate;
  }

  /** From now on, on this worker; what waits follows within half a minute or so. Throws RangeError for what is no rate. */
  change(definition: TaskDefinition, rate: Rate | null): void {
    this.#set(definition, rate, this.#limitOf(definition).limiter);
  }

  /** Resolves once a turn has come that was taken, or is of no use any more. */
  async turn(limiter: RateLimiter, inMs: number): Promise<void> {
    if (inMs > 0) await this.#hold(inMs);
    const lagMs = limiter.lagMs();
    if (lagMs > 0) await this.#hold(lagMs);
  }

  async #hold(ms: number): Promise<void> {
    const { clock, giveUp, onHeld } = this.#options;
    onHeld((this.#held += 1));
    await clock.sleep(ms, { signal: giveUp }).catch(() => undefined);
    onHeld((this.#held -= 1));
  }

  #limitOf(definition: TaskDefinition): Limit {
    return this.#limits.get(definition.name) ?? this.#set(definition, this.#givenTo(definition));
  }

  #givenTo({ options: { rateLimit } }: TaskDefinition): Rate | null {
    if (rateLimit === undefined) return this.#options.config.taskDefaultRateLimit ?? null;
    return rateLimit === null ? null : rateLimitOptions(rateLimit).limit;
  }

  #set(definition: TaskDefinition, rate: Rate | null, before?: RateLimiter): Limit {
    const { config, keys, clock } = this.#options;
    const intervalMs = intervalOf(rate);
    const isNone = rate === null || intervalMs === undefined || config.workerDisableRateLimits;
    const shared = scopeOf(definition) === "cluster" ? keys : undefined;
    const limiter = isNone
      ? undefined
      : new RateLimiter({ task: definition.name, rate, intervalMs, clock, keys: shared, before });
    const limit = { rate, limiter };
    this.#limits.set(definition.name, limit);
    return limit;
  }
}

/** Throws ConfigError when a task has a limit over all workers, and nothing keeps it. */
export function refuseClusterLimits(tasks: readonly TaskDefinition[]): void {
  const task = tasks.find((definition) => scopeOf(definition) === "cluster");
  if (task === undefined) return;
  throw new ConfigError(
    `The task "${task.name}" has a rate limit over all workers, but neither the broker nor the result backend keeps fleet-wide keys.`,
  );
}

function scopeOf({ options: { rateLimit = null } }: TaskDefinition): RateLimitScope {
  return rateLimitOptions(rateLimit).scope;
}

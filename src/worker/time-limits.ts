import type { ResolvedConfig } from "../app/config.ts";
import type { TaskOptions } from "../app/task-options.ts";
import type { TaskRequest, TimeLimit } from "../message/task-request.ts";

type Declared = Pick<TaskOptions, "softTimeLimitMs" | "timeLimitMs">;

/** How long a task may run on this worker: as its message says, or this worker was told, or the task's definition, or the configuration says. */
export class TimeLimits {
  readonly #config: Pick<ResolvedConfig, "taskSoftTimeLimit" | "taskTimeLimit">;
  /** By task. */
  readonly #told = new Map<string, TimeLimit>();

  constructor(config: Pick<ResolvedConfig, "taskSoftTimeLimit" | "taskTimeLimit">) {
    this.#config = config;
  }

  /** From the task's next run on, both in place of what it declares. Null is none of its own: the configuration's holds then. */
  set(task: string, limit: TimeLimit): void {
    this.#told.set(task, limit);
  }

  /** What a task has of its own. */
  ofTask(task: string, { softTimeLimitMs, timeLimitMs }: Declared): TimeLimit {
    return this.#told.get(task) ?? { softMs: softTimeLimitMs ?? null, hardMs: timeLimitMs ?? null };
  }

  /** What one call has. */
  ofCall({ task, timeLimit }: Pick<TaskRequest, "task" | "timeLimit">, declared: Declared): TimeLimit {
    const own = this.ofTask(task, declared);
    const { taskSoftTimeLimit, taskTimeLimit } = this.#config;
    return {
      softMs: timeLimit.softMs ?? own.softMs ?? milliseconds(taskSoftTimeLimit),
      hardMs: timeLimit.hardMs ?? own.hardMs ?? milliseconds(taskTimeLimit),
    };
  }
}

function milliseconds(seconds: number | undefined): number | null {
  return seconds === undefined ? null : seconds * 1000;
}

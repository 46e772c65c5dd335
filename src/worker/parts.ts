import type { Producer } from "../app/producer.ts";
import type { ResolvedConfig } from "../app/config.ts";
import type { TaskRegistry } from "../app/registry.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { Pool } from "../pool/pool.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import type { Revocations } from "./revocations.ts";

/** What an execution works with. */
export interface WorkerParts {
  readonly hostname: string;
  readonly config: ResolvedConfig;
  readonly tasks: TaskRegistry;
  readonly producer: Producer;
  /** Undefined when the app keeps no results. */
  readonly backend: ResultBackend | undefined;
  readonly revocations: Revocations;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when running tasks have had their grace. */
  readonly giveUp: AbortSignal;
}

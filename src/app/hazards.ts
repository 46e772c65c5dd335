import { ConfigError } from "./config-error.ts";
import type { ResolvedConfig } from "./config.ts";
import type { TaskDefinition } from "./define-task.ts";
import { RetryRules } from "./retry-rules.ts";
import { hint } from "./setting-kinds.ts";

/** A combination of options that would hurt, each of which is fine alone. */
export interface Hazard {
  /** Stable: `acceptHazards` takes it. */
  readonly id: HazardId;
  /** Whether a worker does not start with it, or starts and warns. */
  readonly severity: "refuse" | "warn";
  /** What would happen, and what to do. */
  readonly detail: string;
  readonly isAccepted: boolean;
}

export type HazardId =
  | "limit-over-visibility"
  | "memory-apart"
  | "early-ack-keeps-failures"
  | "early-ack"
  | "endless-redelivery"
  | "retry-storm"
  | "results-before-retries";

interface Rule {
  readonly severity: Hazard["severity"];
  /** What would happen; undefined when it would not. */
  readonly check: (config: ResolvedConfig, tasks: readonly TaskDefinition[]) => string | undefined;
}

/** By id. */
export const HAZARD_RULES: Readonly<Record<HazardId, Rule>> = {
  "limit-over-visibility": { severity: "refuse", check: limitOverVisibility },
  "memory-apart": { severity: "refuse", check: memoryApart },
  "early-ack-keeps-failures": { severity: "refuse", check: earlyAckKeepsFailures },
  "early-ack": {
    severity: "warn",
    check: ({ taskAcksLate }) =>
      taskAcksLate
        ? undefined
        : "taskAcksLate is false: a worker that dies loses what it was running. Set it to true, and to false for tasks that must never run twice.",
  },
  "endless-redelivery": {
    severity: "warn",
    check: ({ workerMaxDeliveries }) =>
      workerMaxDeliveries === null
        ? "workerMaxDeliveries is null: a task that kills its worker kills one after the other, for ever. Give a number."
        : undefined,
  },
  "retry-storm": { severity: "warn", check: retryStorm },
  "results-before-retries": { severity: "warn", check: resultsBeforeRetries },
};

/** The hazards of a configuration and its tasks, those first that refuse. */
export function hazardsOf(config: ResolvedConfig, tasks: readonly TaskDefinition[]): readonly Hazard[] {
  refuseUnknown(config.acceptHazards);
  return (Object.entries(HAZARD_RULES) as readonly (readonly [HazardId, Rule])[]).flatMap(
    ([id, { severity, check }]) => {
      const detail = check(config, tasks);
      return detail === undefined ? [] : [{ id, severity, detail, isAccepted: config.acceptHazards.includes(id) }];
    },
  );
}

/** Throws ConfigError for a hazard that refuses, and returns those to warn of. */
export function checkHazards(config: ResolvedConfig, tasks: readonly TaskDefinition[]): readonly Hazard[] {
  const hazards = hazardsOf(config, tasks).filter(({ isAccepted }) => !isAccepted);
  const refused = hazards.filter(({ severity }) => severity === "refuse");
  if (refused.length === 0) return hazards;
  const reasons = refused.map(({ id, detail }) => `${detail} [${id}]`);
  throw new ConfigError(
    `${reasons.join("\n")}\nTo take it on knowingly, name what stands in brackets in acceptHazards.`,
  );
}

function refuseUnknown(accepted: readonly string[]): void {
  const ids = Object.keys(HAZARD_RULES);
  const unknown = accepted.find((id) => !ids.includes(id));
  if (unknown !== undefined)
    throw new ConfigError(`acceptHazards: there is no hazard "${unknown}"${hint(unknown, ids) || "."}`);
}

/**
 * Only where visibilityTimeout is given, and not for the hour that it is by default: this package's workers renew their leases, so that a run may
 * outlast any number of them. Who gives it says that Python's consume as well, which do not.
 */
function limitOverVisibility(config: ResolvedConfig, tasks: readonly TaskDefinition[]): string | undefined {
  const { visibilityTimeout } = config.brokerTransportOptions;
  if (visibilityTimeout === undefined || !config.taskAcksLate) return undefined;
  const limits = [
    { who: "taskTimeLimit", seconds: config.taskTimeLimit ?? 0 },
    ...tasks.map(({ name, options }) => ({ who: `The task ${name}`, seconds: (options.timeLimitMs ?? 0) / 1000 })),
  ];
  const tooLong = limits.find(({ seconds }) => seconds > visibilityTimeout);
  if (tooLong === undefined) return undefined;
  return `${tooLong.who} allows ${tooLong.seconds} s, but a message is handed out again after ${visibilityTimeout} s (visibilityTimeout) where its worker does not renew it, as Celery's do not: a second run would start beside the first. Lower the limit, or raise the timeout.`;
}

function memoryApart({ broker, workerPool }: ResolvedConfig): string | undefined {
  const url = typeof broker === "string" ? broker : broker.url;
  if (workerPool === "inline" || !url.startsWith("memory:")) return undefined;
  return `The broker is in this process's memory, and tasks in ${workerPool} would send into a memory of their own, where nobody looks. Take workerPool "inline", or a broker such as sqlite:celeriac.db.`;
}

function earlyAckKeepsFailures(config: ResolvedConfig, tasks: readonly TaskDefinition[]): string | undefined {
  const contradicts = (who: string, options: TaskDefinition["options"]): string | undefined => {
    const { acksLate = config.taskAcksLate, acksOnFailureOrTimeout = config.taskAcksOnFailureOrTimeout } = options;
    if (acksLate || acksOnFailureOrTimeout) return undefined;
    return `${who}: messages are acknowledged before the run (acksLate: false), so that a failed one cannot be dead-lettered (acksOnFailureOrTimeout: false). Set one of them to true.`;
  };
  return firstOf([
    contradicts("Tasks that say nothing of it", {}),
    ...tasks.map(({ name, options }) => contradicts(`The task ${name}`, options)),
  ]);
}

function retryStorm(config: ResolvedConfig, tasks: readonly TaskDefinition[]): string | undefined {
  const isStorm = ({ options }: TaskDefinition): boolean => {
    const rules = new RetryRules(options, config, () => 0);
    return rules.maxRetries === null && rules.preview(20).every(({ delayMs: [, most] }) => most === 0);
  };
  const task = tasks.find(isStorm);
  if (task === undefined) return undefined;
  return `The task ${task.name} is retried without end and without a delay: one that keeps failing takes all of a worker. Give retryBackoffMs, or maxRetries.`;
}

function resultsBeforeRetries(config: ResolvedConfig, tasks: readonly TaskDefinition[]): string | undefined {
  const longestDelay = ({ options }: TaskDefinition): number => {
    const delays = new RetryRules(options, config, () => 0).preview(100).map(({ delayMs: [, most] }) => most / 1000);
    return Math.max(0, ...delays);
  };
  const task = tasks.find((each) => longestDelay(each) > config.resultExpires);
  if (task === undefined) return undefined;
  return `The task ${task.name} may wait ${longestDelay(task)} s for a retry, but its result expires after ${config.resultExpires} s (resultExpires): it would look as if it had never been sent. Raise resultExpires, or give retryBackoffMaxMs.`;
}

function firstOf(details: readonly (string | undefined)[]): string | undefined {
  return details.find((detail) => detail !== undefined);
}

import { hostname } from "node:os";
import type { Signature } from "../canvas/signature.ts";
import { dictsOf } from "../canvas/signature-options.ts";
import type { Message } from "../message/message.ts";
import { encodeTask } from "../message/protocol-v2.ts";
import { reprArgs, reprKwargs } from "../message/python-repr.ts";
import { NO_FOLLOW_UPS, type FollowUps, type SignatureDict, type TaskRequest } from "../message/task-request.ts";
import { timeOrderedUuid } from "../util/time-ordered-uuid.ts";
import type { ResolvedConfig } from "./config.ts";
import { InvalidSendOptionsError } from "./errors.ts";
import { checkSendOptions } from "./check-send-options.ts";
import type { SendOptions } from "./send-options.ts";
import type { TaskOptions } from "./task-options.ts";

const ORIGIN = anonymousNode();

/** Who sends from this process, where it is no worker. Celery: `celery/utils/nodenames.py:anon_nodename`. */
export function anonymousNode(): string {
  return `gen${String(process.pid)}@${hostname()}`;
}

/** What a call is made of besides its own signature. */
export interface RequestContext {
  readonly config: ResolvedConfig;
  readonly taskOptions: TaskOptions;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Where replies go when the call does not say: the producer's own id. */
  readonly replyTo: string;
  readonly family: Family;
}

/** Whose child a call is. */
export interface Family {
  /** The task that sends it. What follows a task replies to whom the task replies, where that is said. */
  readonly parent: { readonly id: string; readonly rootId: string; readonly replyTo?: string | null } | undefined;
  /** The rest of the chain that the call is a step of, next step last. */
  readonly chain?: readonly SignatureDict[];
}

/** The request that a call becomes. Throws InvalidSendOptionsError. */
export function buildRequest(call: Signature, context: RequestContext): TaskRequest {
  const { task, args, kwargs, options, membership } = call;
  const { config, taskOptions, now } = context;
  const { parent, chain = [] } = context.family;
  checkSendOptions(task, options, now);
  const id = options.taskId ?? timeOrderedUuid(now);
  const softMs = options.softTimeLimitMs ?? taskOptions.softTimeLimitMs ?? null;
  const hardMs = options.timeLimitMs ?? taskOptions.timeLimitMs ?? null;
  if (softMs !== null && hardMs !== null && softMs > hardMs) {
    throw new InvalidSendOptionsError(
      `${task}: the soft time limit (${String(softMs)} ms) must not be longer than the hard one (${String(hardMs)} ms).`,
    );
  }
  return {
    id,
    task,
    args,
    kwargs,
    rootId: parent?.rootId ?? id,
    parentId: parent?.id ?? null,
    groupId: membership?.groupId ?? null,
    groupIndex: membership?.groupIndex ?? null,
    shadow: options.shadow ?? null,
    eta: etaOf(options, now),
    expires: expiresOf(options.expires ?? taskOptions.expiresMs, now),
    retries: options.retries ?? 0,
    timeLimit: { softMs, hardMs },
    argsRepr: reprArgs(args),
    kwargsRepr: reprKwargs(kwargs),
    origin: ORIGIN,
    ignoreResult: options.ignoreResult ?? taskOptions.ignoreResult ?? config.taskIgnoreResult,
    replacedTaskNesting: call.replacedTaskNesting,
    stamps: options.stamps ?? {},
    headers: options.headers ?? {},
    replyTo: options.replyTo ?? parent?.replyTo ?? context.replyTo,
    priority: options.priority ?? taskOptions.priority ?? null,
    followUps: followUpsOf(options, chain, membership?.chord ?? null),
  };
}

/** The request as the app's configuration has it cross the wire. */
export function messageOf(request: TaskRequest, { taskCompression }: ResolvedConfig, now: number): Message {
  return encodeTask(request, taskCompression === "none" ? { now } : { now, compression: taskCompression });
}

function etaOf({ countdownMs, eta }: SendOptions, now: number): Date | null {
  if (eta !== undefined) return eta;
  return countdownMs === undefined || countdownMs <= 0 ? null : new Date(now + countdownMs);
}

function expiresOf(expires: Date | number | undefined, now: number): Date | null {
  if (expires === undefined) return null;
  return typeof expires === "number" ? new Date(now + expires) : expires;
}

function followUpsOf(
  { link, linkError }: SendOptions,
  chain: readonly SignatureDict[],
  chord: SignatureDict | null,
): FollowUps {
  if (link === undefined && linkError === undefined && chain.length === 0 && chord === null) return NO_FOLLOW_UPS;
  return { callbacks: dictsOf(link), errbacks: dictsOf(linkError), chain, chord };
}

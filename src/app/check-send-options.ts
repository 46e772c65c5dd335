import { WIRE_OPTION_NAMES } from "../canvas/signature-options.ts";
import { isDict } from "../message/fields.ts";
import { InvalidSendOptionsError } from "./errors.ts";
import { unknownKey } from "./known-keys.ts";
import { SEND_OPTION_NAMES, type SendOptions } from "./send-options.ts";

/** The last moment that Python's datetime knows, in milliseconds since the epoch. */
const LAST_MOMENT = Date.UTC(9999, 11, 31);

/** What the compiler cannot check: values, contradictions, and callers in JavaScript. Throws InvalidSendOptionsError. */
export function checkSendOptions(task: string, options: SendOptions, now: number): void {
  if (Object.keys(options).length === 0) return;
  const refuse = (problem: string): never => {
    throw new InvalidSendOptionsError(`${task}: ${problem}`);
  };
  const unknown = unknownKey(options, SEND_OPTION_NAMES);
  if (unknown !== undefined) refuse(`unknown option ${unknown}`);

  const { countdownMs, eta, expires, priority, taskId, retries } = options;
  if (countdownMs !== undefined && eta !== undefined) refuse("give countdownMs or eta, not both.");
  if (options.queue !== undefined && options.exchange !== undefined) refuse("give queue or exchange, not both.");
  if (taskId === "") refuse("taskId must not be empty.");
  if (!isAmount(countdownMs, now)) refuse("countdownMs must be a number of milliseconds.");
  if (!isMoment(eta)) refuse("eta must be a valid Date.");
  if (!(typeof expires === "number" ? isAmount(expires, now) : isMoment(expires))) {
    refuse("expires must be a valid Date or a number of milliseconds.");
  }
  if (priority !== undefined && !(isCount(priority) && priority <= 9)) {
    refuse(`priority must be a whole number from 0 to 9, not ${String(priority)}.`);
  }
  checkStamps(options.stamps, refuse);
  if (retries !== undefined && !isCount(retries)) refuse("retries must be a whole number of at least 0.");
  for (const name of ["softTimeLimitMs", "timeLimitMs", "publishTimeoutMs"] as const) {
    const limit = options[name];
    if (limit !== undefined && !(isAmount(limit, now) && limit > 0)) {
      refuse(`${name} must be a number of milliseconds above 0.`);
    }
  }
}

/** Stamps and options stand side by side in Celery's JSON form of a call. */
function checkStamps(stamps: unknown, refuse: (problem: string) => never): void {
  if (stamps === undefined) return;
  if (!isDict(stamps)) refuse("stamps must be an object of values by their names.");
  const taken = Object.keys(stamps as object).find((name) => WIRE_OPTION_NAMES.has(name));
  if (taken !== undefined) refuse(`a stamp cannot be called "${taken}": an option of calls has that name.`);
}

function isMoment(value: unknown): boolean {
  return value === undefined || (value instanceof Date && Math.abs(value.getTime()) <= LAST_MOMENT);
}

/** A number of milliseconds that leads from now to a moment that can be written. */
function isAmount(value: unknown, now: number): boolean {
  return value === undefined || (typeof value === "number" && Math.abs(now + value) <= LAST_MOMENT);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

import { TaskFailedError } from "../result/errors.ts";
import { CeleriacError, toError } from "../util/errors.ts";
import { maskSecrets } from "../util/mask-url.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { remark } from "./output.ts";
import { harmless } from "./remote-answer.ts";

/** Tells on standard error why a command failed, without secrets, and gives the exit code: in one line what was to be expected, with its stack what was not. */
export function reportError(error: unknown, { withStack }: { readonly withStack: boolean }): number {
  const isExpected = error instanceof CeleriacError;
  remark(harmless(maskSecrets(`celeriac: ${sentenceOf(error)}`)));
  if (withStack || !isExpected) remark(harmless(maskSecrets(stackOf(error))));
  return exitCodeOf(error);
}

function sentenceOf(error: unknown): string {
  const { message } = toError(error);
  const sentence = error instanceof TaskFailedError ? `The task ${error.taskId} failed: ${message}` : message;
  return sentence.trim().replace(/\s*\n\s*/g, " ");
}

/** The stack, those of its causes, and the traceback of the place where a task failed. */
function stackOf(error: unknown): string {
  const { stack = "", cause } = toError(error);
  const remote =
    error instanceof TaskFailedError && error.traceback !== null ? `\n\nWhere it ran:\n${error.traceback}` : "";
  return `${stack}${remote}${cause === undefined ? "" : `\nCaused by: ${stackOf(cause)}`}`;
}

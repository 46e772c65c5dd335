import { intervalOf } from "../../app/rate-limit.ts";
import { toError } from "../../util/errors.ts";
import type { OpenParts } from "../parts.ts";
import type { Commands } from "./command-table.ts";

/** Celery: `celery/worker/control.py:rate_limit`; clients look for its words. */
export function rateLimitCommands({ tasks, rateLimits, log }: OpenParts): Commands {
  return {
    rate_limit: (args) => {
      const task = args.text("task_name");
      const rate = args.textOrNumber("rate_limit");
      const fault = faultOf(rate);
      if (fault !== undefined) return { error: `Invalid rate limit string: ${fault}` };
      const definition = tasks.get(task);
      if (definition?.body === undefined) return { error: "unknown task" };
      rateLimits.change(definition, rate);
      log.info("rate limit changed", { task, rate });
      return { ok: rate ? "new rate limit set successfully" : "rate limit disabled successfully" };
    },
  };
}

function faultOf(rate: unknown): string | undefined {
  try {
    intervalOf(rate);
    return undefined;
  } catch (error) {
    return toError(error).message;
  }
}

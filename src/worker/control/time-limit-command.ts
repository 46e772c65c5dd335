import type { ArgumentReader } from "../../control/argument-reader.ts";
import type { OpenParts } from "../parts.ts";
import type { Commands } from "./command-table.ts";

export function timeLimitCommand({ tasks, timeLimits, log, hostname }: OpenParts): Commands {
  return {
    time_limit: (args) => {
      const task = args.text("task_name");
      const softMs = millisecondsIn(args, "soft");
      const hardMs = millisecondsIn(args, "hard");
      if (softMs !== null && hardMs !== null && softMs > hardMs)
        throw new RangeError('the argument "soft" is more than "hard": the task would never be warned');
      if (tasks.get(task)?.body === undefined) throw new Error("unknown task");
      timeLimits.set(task, { softMs, hardMs });
      log.info("time limits changed", { node: hostname, task, softMs, hardMs });
      return { ok: "time limits set successfully" };
    },
  };
}

/** Of seconds. Celery takes 0 for no limit. */
function millisecondsIn(args: ArgumentReader, name: string): number | null {
  const seconds = args.optionalNumber(name);
  return seconds === undefined || seconds === 0 ? null : Math.ceil(seconds * 1000);
}

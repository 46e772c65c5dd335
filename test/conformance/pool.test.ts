import { setFlagsFromString } from "node:v8";
import { it } from "vitest";
import type { Skip } from "../../src/testing/conformance/cases.ts";
import { exercisePool } from "../../src/testing/conformance/exercise-pool.ts";
import { app } from "../../src/testing/conformance/pool/tasks.ts";
import { makePool } from "../../src/worker/make-pool.ts";

const WORN_OUT = "a pool whose only place is its owner's says once that it is worn out";
const ONLY_INLINE = "it replaces its places itself";

const NAMES = ["inline", "threads", "processes"] as const;

/** What the tasks of a pool cannot do there, and what they are not kept from doing. */
const SKIPS: Readonly<Record<(typeof NAMES)[number], readonly Skip[]>> = {
  inline: [
    ...because("code on one's own event loop cannot be ended: the run is given up", [
      "a task is really ended at the hard limit: it does nothing after",
      "a loop that never yields is ended at the hard limit, while other slots go on",
      "a loop that never yields is over within moments when it is given up",
    ]),
    ...because("it ends the process that this is, with all tasks", [
      "an unhandled rejection does not end the task that left it, nor its place",
      "an uncaught exception loses the task, and says what it was",
      "process.exit loses the task, and the exit code is known",
      "process.abort loses the task, and the signal is known",
      "SIGKILL loses the task, and the signal is known",
      "out of memory loses the task, and says so",
      "a job whose place dies before it begins is not blamed, and runs in another place",
      "signals that stop a worker do not stop a task",
    ]),
    ...because("all tasks run in one place, which is there already", [
      "jobs that run at once run in places of their own",
      "a place is replaced after so many tasks",
      "a place is replaced once it has so much memory after a task",
      "a pool that is restarted runs what comes next in fresh places, and lets what runs finish",
      "a pool whose app cannot be loaded does not start, and says why",
      "a job whose place cannot be made is lost, and says why",
    ]),
  ],
  threads: [
    ...because("Node refuses it in a thread: the task fails with a TypeError", [
      "process.abort loses the task, and the signal is known",
    ]),
    ...because("signals are for the whole process, and the worker's to handle", [
      "SIGKILL loses the task, and the signal is known",
      "signals that stop a worker do not stop a task",
    ]),
    ...because(ONLY_INLINE, [WORN_OUT]),
  ],
  processes: because(ONLY_INLINE, [WORN_OUT]),
};

// Memory is to be filled fast: the heaps of threads and of processes that are started from now on are small.
const SMALL_HEAP = "--max-old-space-size=160";
setFlagsFromString(SMALL_HEAP);
process.env["NODE_OPTIONS"] = `${process.env["NODE_OPTIONS"] ?? ""} ${SMALL_HEAP}`;

for (const name of NAMES) {
  exercisePool(name, {
    test: it,
    skip: SKIPS[name],
    createPool: ({ appModule, ...wanted }) => makePool({ ...wanted, name, app, appModule: { url: appModule } }),
  });
}

function because(reason: string, tests: readonly string[]): readonly Skip[] {
  return tests.map((test) => ({ test, reason }));
}

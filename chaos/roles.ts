import { join } from "node:path";
import type { Role } from "./pack.ts";

/** The command and the app, as users have them: compiled, and TypeScript. */
const COMMAND = join(import.meta.dirname, "../dist/cli/main.js");
const APP = join(import.meta.dirname, "app.ts");
const PRODUCER = join(import.meta.dirname, "producer.ts");

/** After how many seconds Celery gives away what its workers hold. */
const VISIBILITY_S = 6;

/** What processes of all roles are told: their environment, and where their logs go. */
export type Surroundings = Pick<Role, "env" | "logs">;

export function workerRole(around: Surroundings, pool: string, concurrency: number): Role {
  const args = [COMMAND, "-A", APP, "worker", "-P", pool, "-c", String(concurrency), "-l", "warning"];
  return { ...around, name: "worker", command: process.execPath, args: () => args };
}

export function producerRole(around: Surroundings, seed: number, callsPerSecond: number, mix: string): Role {
  const args = (nth: number): readonly string[] => {
    return ["--import", "tsx", PRODUCER, String(seed + nth), String(callsPerSecond), mix];
  };
  return { ...around, name: "producer", command: process.execPath, args };
}

/** Celery's own worker, with a pool of processes. `python` has Celery. */
export function pythonRole({ env, logs }: Surroundings, python: string): Role {
  const args = ["-m", "celery", "-A", "celery_app", "worker", "-P", "prefork", "-c", "2", "-l", "warning"];
  const own = { PYTHONPATH: import.meta.dirname, PYTHONDONTWRITEBYTECODE: "1", C_FORCE_ROOT: "1" };
  return {
    env: { ...env, ...own, CHAOS_VISIBILITY_S: String(VISIBILITY_S) },
    logs,
    name: "python",
    command: python,
    args: (nth) => [...args, "-n", `python-${nth}@chaos`],
  };
}

import { leaveOut } from "../left-out.ts";
import { isExecutable, programsNamed } from "../processes.ts";
import { installSystemPackages } from "../system-packages.ts";

/** Environment variable with the path of a `redis-server`. Set to nothing, its tests are left out. */
const REDIS_SERVER = "CELERIAC_TEST_REDIS_SERVER";
const TESTS = "tests with Redis";
const PROGRAM = "redis-server";

/**
 * Tells the tests in the environment where the program is. They start servers of their own, and kill, freeze and restart them: a server that runs already,
 * or one in a container, will not do. Without the program they are to be skipped.
 */
export async function setup(): Promise<void> {
  const named = process.env[REDIS_SERVER];
  if (named === "") leaveOut(TESTS, `${REDIS_SERVER} is set to nothing`);
  else if (named === undefined) process.env[REDIS_SERVER] = (await findOrInstall()) ?? "";
  else if (!isExecutable(named)) throw new Error(`${REDIS_SERVER} names no program: ${named}`);
}

async function findOrInstall(): Promise<string | undefined> {
  const [found] = programsNamed(PROGRAM);
  if (found !== undefined) return found;
  try {
    await installSystemPackages([PROGRAM], `the ${TESTS}`);
  } catch (error) {
    leaveOut(TESTS, `no ${PROGRAM} in the PATH, and it cannot be installed: ${String(error)}`);
    return undefined;
  }
  const [installed] = programsNamed(PROGRAM);
  if (installed === undefined) leaveOut(TESTS, `no ${PROGRAM} in the PATH`);
  return installed;
}
